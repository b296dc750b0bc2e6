package live

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

const dockerRegistry = "docker-registry"

var errNotInstalled = errors.New("docker-registry is not installed (Debian package docker-registry)")

// startDocker runs docker-registry with its configuration in dir and its
// content in memory, several times as fast as with a file system.
func startDocker(ctx context.Context, dir string) (*server.Server, error) {
	path, err := exec.LookPath(dockerRegistry)
	if err != nil {
		return nil, errNotInstalled
	}
	return program{kind: dockerRegistry, version: "2.8", path: path, dir: dir, config: func(host string) string {
		return fmt.Sprintf(`version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  inmemory: {}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: %q, secret: test}
`, host)
	}}.start(ctx)
}
