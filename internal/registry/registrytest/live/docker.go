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

const dockerRegistry = "docker-registry"

var errNotInstalled = errors.New("docker-registry is not installed (Debian package docker-registry)")

// startDocker runs docker-registry with its configuration in dir and its
// content in memory, several times as fast as with a file system. The port is chosen
// here and could be taken by somebody else before the child has it, hence the
// attempts.
func startDocker(ctx context.Context, dir string) (*server.Server, error) {
	path, err := exec.LookPath(dockerRegistry)
	if err != nil {
		return nil, errNotInstalled
	}
	var failed error
	for range 5 {
		s, err := tryDocker(ctx, path, dir)
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func tryDocker(ctx context.Context, path, dir string) (*server.Server, error) {
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  inmemory: {}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: %q, secret: test}
`, host), 0o600); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	command := exec.Command(path, "serve", config)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
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
			return fmt.Errorf("%s ended by itself: %s", path, output.String())
		}
		return err
	})
	if err := ready(ctx, host, exited); err != nil {
		return nil, errors.Join(fmt.Errorf("%s on %s: %w", path, host, err), stop())
	}
	return server.Started(host, dockerRegistry, "2.8", stop), nil
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
