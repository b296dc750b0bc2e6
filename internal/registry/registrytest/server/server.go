// Package server runs the CNCF distribution registry inside this process: a
// real registry, on a loopback port of its own, with its content in memory.
// The demonstration runs on it and so do tests; those take it from package
// live, which cleans up by itself.
//
// It promises that nothing is left behind when a server is closed, and that
// the registry writes no logs. It knows nothing of images and policies.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"
	"github.com/sirupsen/logrus"
)

// Server is a registry that answers at Host.
type Server struct {
	Host    string // 127.0.0.1:port, plain HTTP
	Kind    string // "distribution", "docker-registry", "olareg", "go-containerregistry"
	Version string

	close func() error
}

// Close stops the registry and frees what it used. Only the first call counts.
func (s *Server) Close() error { return s.close() }

// Options of a distribution registry. The zero value is an empty registry that
// allows deletion.
type Options struct {
	// Storage to serve; nil for a new one.
	Storage *Storage
	// Page is the most tags or repositories that a listing gives at once; 0 is
	// the default of the binary, 1000.
	Page int
	// NoDelete leaves deletion off, as a registry comes out of the box: every
	// DELETE is answered with 405.
	NoDelete bool
	// Wrap puts something between the port and the registry, to count, to sign
	// in, to fail.
	Wrap func(http.Handler) http.Handler
}

const (
	driverName = "regkeepmemory"
	// Version of the distribution registry in go.mod.
	distributionVersion = "3.1.2"
)

// once registers the storage driver and silences the logger that the library
// shares with everybody who imports logrus; regkeep itself logs with slog.
var once = sync.OnceFunc(func() {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
	factory.Register(driverName, opener{})
})

type opener struct{}

func (opener) Create(_ context.Context, parameters map[string]any) (driver.StorageDriver, error) {
	storage, ok := parameters["storage"].(*Storage)
	if !ok {
		return nil, errors.New("no storage given")
	}
	return storage, nil
}

// StartDistribution starts a CNCF distribution registry on a free loopback
// port. It stops when ctx is done or Close is called.
func StartDistribution(ctx context.Context, options Options) (*Server, error) {
	once()
	if options.Storage == nil {
		options.Storage = NewStorage()
	}
	if options.Page == 0 {
		options.Page = 1000 // zero would list no repositories at all
	}
	config := &configuration.Configuration{
		Version: configuration.CurrentVersion,
		Storage: configuration.Storage{
			driverName: {"storage": options.Storage},
			"delete":   {"enabled": !options.NoDelete},
			"maintenance": {
				"uploadpurging": map[any]any{"enabled": false},
			},
		},
		Catalog: configuration.Catalog{MaxEntries: options.Page},
		Tags:    configuration.Tags{MaxTags: options.Page},
		HTTP:    configuration.HTTP{Secret: "upload state of a registry that nobody else reaches"},
	}
	app := handlers.NewApp(ctx, config)
	var handler http.Handler = app
	if options.Wrap != nil {
		handler = options.Wrap(handler)
	}
	return Serve(ctx, "distribution", distributionVersion, handler, app.Shutdown)
}

// Serve answers with handler on a free loopback port until ctx is done or
// Close is called; then it calls stop.
func Serve(ctx context.Context, kind, version string, handler http.Handler, stop func() error) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start %s registry: %w", kind, err)
	}
	httpServer := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()
	s := &Server{Host: listener.Addr().String(), Kind: kind, Version: version}
	s.close = sync.OnceValue(func() error {
		err := httpServer.Close()
		<-served
		if stop != nil {
			err = errors.Join(err, stop())
		}
		return err
	})
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

// Started describes a registry that somebody else started and that stop ends.
func Started(host, kind, version string, stop func() error) *Server {
	return &Server{Host: host, Kind: kind, Version: version, close: sync.OnceValue(stop)}
}
