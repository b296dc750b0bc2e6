package live

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// ZotProgram is the environment variable that names a zot to run tests against:
// it cannot be had from Go's module proxy or from Debian, so it takes part only
// where somebody has one.
const ZotProgram = "REGKEEP_ZOT"

// startZot runs a zot with its content in dir, without collecting garbage.
func startZot(ctx context.Context, path, dir string) (*server.Server, error) {
	return program{kind: "zot", path: path, dir: dir, config: func(host string) string {
		address, port, _ := net.SplitHostPort(host)
		return fmt.Sprintf(`{"distSpecVersion": "1.1.1", "storage": {"rootDirectory": %q, "gc": false},
			"http": {"address": %q, "port": %q, "compat": ["docker2s2"]}, "log": {"level": "error"}}`, filepath.Join(dir, "content"), address, port)
	}}.start(ctx)
}
