package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// program is a registry that runs as a child process: `PATH serve CONFIG`.
type program struct {
	kind, version, path string
	dir                 string // for its configuration
	config              func(host string) string
}

// start chooses the port, which somebody else could take before the child has
// it, hence the attempts.
func (p program) start(ctx context.Context) (*server.Server, error) {
	var failed error
	for range 5 {
		s, err := p.try(ctx)
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (p program) try(ctx context.Context) (*server.Server, error) {
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(p.dir, "config")
	if err := os.WriteFile(config, []byte(p.config(host)), 0o600); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	command := exec.Command(p.path, "serve", config)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait()
	}()
	stop := sync.OnceValue(func() error {
		err := command.Process.Kill()
		<-exited
		if errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("%s ended by itself: %s", p.path, output.String())
		}
		return err
	})
	if err := ready(ctx, host, exited); err != nil {
		return nil, errors.Join(fmt.Errorf("%s on %s: %w", p.path, host, err), stop())
	}
	return server.Started(host, p.kind, p.version, stop), nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// ready waits until the child answers as a registry does.
func ready(ctx context.Context, host string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/", nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK && response.Header.Get("Docker-Distribution-Api-Version") != "" {
				return nil
			}
		}
		select {
		case <-exited:
			return errors.New("ended before it answered")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
