package nexustest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is an emulated Nexus. It is an http.Handler; its methods may be
// called at any time, also from hooks of faults and tasks.
type Server struct {
	options Options
	rel     release
	rest    *http.ServeMux

	mu       sync.Mutex
	repos    []*repo
	stores   []*store
	numbers  map[string]*numbering
	tasks    []*task
	taskSeq  int
	scripts  map[string]TaskScript
	lockouts map[string]*lockout
	tokens   map[string]string // DockerToken to user name
	uploads  map[string]*upload
	drawn    int // of uuids
	pending  []func()

	journal journal
	faults  faults
}

// New makes a server. Options that contradict each other are a programming
// error and panic.
func New(options Options) *Server {
	s := &Server{
		options: options, rel: releaseOf(options.Dialect),
		numbers: map[string]*numbering{"docker": {}, "oci": {}},
		scripts: map[string]TaskScript{}, lockouts: map[string]*lockout{},
		tokens: map[string]string{}, uploads: map[string]*upload{},
	}
	if s.options.Clock == nil {
		s.options.Clock = time.Now
	}
	if s.options.Users == nil {
		s.options.Users = []User{{Name: "admin", Password: "admin123", Privileges: []string{PrivilegeAll}}}
	}
	if s.options.AnonymousPrivileges == nil {
		s.options.AnonymousPrivileges = []string{View("*", "browse,read")}
	}
	if s.options.SearchLag == 0 {
		s.options.SearchLag = 2 * time.Second
	}
	if len(s.options.BlobStores) == 0 {
		s.options.BlobStores = []BlobStore{{Name: "default"}}
	}
	if len(s.options.Repositories) == 0 {
		s.options.Repositories = []Repository{{Name: "docker-hosted"}}
	}
	for _, config := range s.options.BlobStores {
		s.addStore(config)
	}
	for _, config := range s.options.Repositories {
		s.addRepository(config)
	}
	s.addSystemTasks()
	s.rest = s.restRoutes()
	return s
}

func (s *Server) addStore(config BlobStore) {
	if config.Type == "" {
		config.Type = "File"
	}
	if config.Available == 0 && config.Type == "File" {
		config.Available = 50_000_000_000
	}
	s.stores = append(s.stores, &store{BlobStore: config, blobs: map[*blob]struct{}{}})
}

func (s *Server) storeNamed(name string) *store {
	for _, st := range s.stores {
		if st.Name == name {
			return st
		}
	}
	return nil
}

func (s *Server) addRepository(config Repository) {
	defaults := func(value *string, fallback string) {
		if *value == "" {
			*value = fallback
		}
	}
	defaults(&config.Format, "docker")
	defaults(&config.Type, "hosted")
	defaults(&config.BlobStore, "default")
	defaults(&config.WritePolicy, "ALLOW")
	st := s.storeNamed(config.BlobStore)
	switch {
	case st == nil:
		panic(fmt.Sprintf("nexustest: repository %s: no blob store %s", config.Name, config.BlobStore))
	case s.repoNamed(config.Name) != nil:
		panic("nexustest: repository " + config.Name + " twice")
	case config.Format == "oci" && !s.rel.hasOCIFormat(), config.PathEnabled && !s.rel.routesByPath():
		panic(fmt.Sprintf("nexustest: repository %s needs a later dialect than %s", config.Name, s.rel.version))
	}
	if s.numbers[config.Format] == nil {
		s.numbers[config.Format] = &numbering{}
	}
	s.repos = append(s.repos, &repo{Repository: config, store: st, byPath: map[string]*asset{}})
}

func (s *Server) now() time.Time { return s.options.Clock() }

// draw makes a fresh id of the kind that Nexus draws at random.
func (s *Server) draw(kind string) string {
	s.drawn++
	return uuid(kind, s.drawn)
}

// Version is the version that the server claims to be, such as 3.96.3-01.
func (s *Server) Version() string { return s.rel.version }

// Start listens on addr ("127.0.0.1:0" for any free port) and serves until
// stop is called. The base URL includes the context path.
func (s *Server) Start(addr string) (baseURL string, stop func(), err error) {
	return serve(addr, s, s.options.ContextPath)
}

// StartConnector listens like Start and serves one repository's registry API
// at the root, as a repository's HTTP port does. It returns host and port.
func (s *Server) StartConnector(repository, addr string) (host string, stop func(), err error) {
	base, stop, err := serve(addr, s.Connector(repository), "")
	return strings.TrimPrefix(base, "http://"), stop, err
}

func serve(addr string, handler http.Handler, path string) (string, func(), error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("emulated Nexus: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	stop := func() {
		_ = server.Close()
		<-done
	}
	return "http://" + listener.Addr().String() + path, stop, nil
}

// connectorKey marks requests that came in through a repository's own port.
type connectorKey struct{}

// Connector is a repository's own port: its registry API at the root.
func (s *Server) Connector(repository string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), connectorKey{}, repository)))
	})
}

const largestBody = 256 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, largestBody))
	if err != nil {
		http.Error(w, "incomplete request", http.StatusBadRequest)
		return
	}
	fault := s.faults.match(r)
	if fault != nil && fault.Before != nil {
		fault.Before()
	}
	c := &call{s: s, Request: r, sent: body, header: http.Header{}, status: http.StatusOK}
	if fault == nil || !fault.replaces() {
		s.handle(c)
	}
	c.finish()
	if fault != nil {
		fault.spoil(c)
	}
	s.journal.add(c)
	if fault != nil && fault.After != nil {
		fault.After()
	}
	c.send(w)
}

func (s *Server) handle(c *call) {
	s.mu.Lock()
	c.now = s.now()
	s.advance(c.now)
	s.route(c)
	s.unlock()
}

// unlock lets go of the state and runs the hooks of tasks that ended under it.
func (s *Server) unlock() {
	hooks := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, hook := range hooks {
		hook()
	}
}

func (s *Server) route(c *call) {
	if name, ok := c.Context().Value(connectorKey{}).(string); ok {
		s.serveConnector(c, name)
		return
	}
	path, found := strings.CutPrefix(c.URL.Path, s.options.ContextPath)
	switch {
	case !found:
		c.html(http.StatusNotFound, "Not Found")
	case strings.HasPrefix(path, "/service/rest/"):
		s.serveREST(c, path)
	case strings.HasPrefix(path, "/repository/"):
		s.serveRepository(c, strings.TrimPrefix(path, "/repository/"))
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		s.serveByPath(c, strings.TrimPrefix(strings.TrimPrefix(path, "/v2"), "/"))
	case path == "" || path == "/":
		c.html(http.StatusOK, "Sonatype Nexus Repository")
	default:
		c.html(http.StatusNotFound, "Not Found")
	}
}
