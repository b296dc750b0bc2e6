// Package docker asks a Docker engine which images its containers use,
// running or stopped (a stopped one can be started again), and its services
// where the engine is a Swarm manager.
//
// It promises to ask only with GET. It does not know other runtimes.
package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Finder asks one engine. Host is written as DOCKER_HOST is: unix:///path,
// tcp://host:port, http:// or https://; "" is the default socket. CertDir
// holds ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH does.
type Finder struct {
	Host    string
	CertDir string
}

const defaultHost = "unix:///var/run/docker.sock"

// Name is the engine's address.
func (f Finder) Name() string { return "docker " + f.host() }

func (f Finder) host() string {
	if f.Host == "" {
		return defaultHost
	}
	return f.Host
}

// Find lists containers, the digests of their images, and services.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	engine, err := f.dial()
	if err != nil {
		return err
	}
	defer engine.client.CloseIdleConnections()
	var containers []struct {
		ID      string   `json:"Id"`
		Names   []string `json:"Names"`
		Image   string   `json:"Image"`
		ImageID string   `json:"ImageID"`
	}
	if err := engine.get(ctx, "/containers/json?all=1", &containers); err != nil {
		return err
	}
	digests := map[string][]string{}
	for _, c := range containers {
		what := "container " + shortID(c.ID)
		if len(c.Names) > 0 {
			what = "container " + strings.TrimPrefix(c.Names[0], "/")
		}
		if _, asked := digests[c.ImageID]; !asked && c.ImageID != "" {
			if digests[c.ImageID], err = engine.imageNames(ctx, c.ImageID); err != nil {
				return err
			}
		}
		// An image that lost its tag is named by its id, which no registry knows.
		if c.Image != "" && !strings.HasPrefix(c.Image, "sha256:") && !strings.HasPrefix(c.ImageID, "sha256:"+c.Image) {
			found(c.Image, what)
		}
		for _, image := range digests[c.ImageID] {
			found(image, what)
		}
	}
	return engine.services(ctx, found)
}

type engine struct {
	client *http.Client
	base   string
	name   string
}

// imageNames are the digests under which an image was pulled or pushed. An
// image that was removed although a container uses it has none.
func (e engine) imageNames(ctx context.Context, id string) ([]string, error) {
	var image struct{ RepoDigests []string }
	err := e.get(ctx, "/images/"+id+"/json", &image)
	var status statusError
	if errors.As(err, &status) && status == http.StatusNotFound {
		return nil, nil
	}
	return image.RepoDigests, err
}

// services lists Swarm services where the engine is a Swarm manager: what they
// run on any node, and what they would roll back to.
func (e engine) services(ctx context.Context, found func(image, what string)) error {
	var info struct {
		Swarm struct{ ControlAvailable bool }
	}
	if err := e.get(ctx, "/info", &info); err != nil || !info.Swarm.ControlAvailable {
		return err
	}
	type spec struct {
		Name         string
		TaskTemplate struct{ ContainerSpec struct{ Image string } }
	}
	var services []struct{ Spec, PreviousSpec *spec }
	err := e.get(ctx, "/services", &services)
	for _, service := range services {
		for _, s := range []*spec{service.Spec, service.PreviousSpec} {
			if s != nil && s.TaskTemplate.ContainerSpec.Image != "" {
				found(s.TaskTemplate.ContainerSpec.Image, "service "+s.Name)
			}
		}
	}
	return err
}

type statusError int

func (s statusError) Error() string { return fmt.Sprintf("HTTP %d", int(s)) }

func (e engine) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return fmt.Errorf("docker engine %s: %w", e.name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("docker engine %s: GET %s: %w", e.name, path, statusError(response.StatusCode))
	}
	const most = 256 << 20
	if err := json.NewDecoder(io.LimitReader(response.Body, most)).Decode(into); err != nil {
		return fmt.Errorf("docker engine %s: GET %s: %w", e.name, path, err)
	}
	return nil
}

// dial prepares a client for the engine's address.
func (f Finder) dial() (engine, error) {
	scheme, address, found := strings.Cut(f.host(), "://")
	if !found {
		return engine{}, fmt.Errorf("docker host %q: write unix:///path or tcp://host:port", f.Host)
	}
	transport := &http.Transport{}
	e := engine{client: &http.Client{Transport: transport}, name: f.host()}
	switch scheme {
	case "unix":
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", address)
		}
		e.base = "http://docker"
	case "tcp", "http", "https":
		e.base = "http://" + address
		if f.CertDir != "" || scheme == "https" {
			e.base = "https://" + address
		}
	default:
		return engine{}, fmt.Errorf("docker host %q: %s is not spoken here; write unix:// or tcp://", f.Host, scheme)
	}
	if f.CertDir == "" {
		return e, nil
	}
	authority, err := os.ReadFile(filepath.Join(f.CertDir, "ca.pem"))
	if err != nil {
		return engine{}, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(f.CertDir, "cert.pem"), filepath.Join(f.CertDir, "key.pem"))
	if err != nil {
		return engine{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return e, nil
}

func shortID(id string) string { return id[:min(12, len(id))] }
