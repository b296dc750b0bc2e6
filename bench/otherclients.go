package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildPeers builds the clients that can be had as Go modules, and says how the
// same question is answered with each.
func buildPeers(ctx context.Context, dir string) ([]contestant, error) {
	if err := goBuild(ctx, dir, "-modfile=bench/peers/go.mod",
		"github.com/regclient/regclient/cmd/regctl", "github.com/regclient/regclient/cmd/regbot",
		"github.com/google/go-containerregistry/cmd/crane", "oras.land/oras/cmd/oras"); err != nil {
		return nil, fmt.Errorf("build other clients: %w", err)
	}
	loops := []struct{ name, list, inspect string }{
		{"crane", "crane ls --insecure $HOST/$R", "crane config --insecure $HOST/$R:$T"},
		{"oras", "oras repo tags --plain-http $HOST/$R", "oras manifest fetch-config --plain-http $HOST/$R:$T"},
		{
			"regctl", "regctl --host reg=$HOST,tls=disabled tag ls $HOST/$R",
			"regctl --host reg=$HOST,tls=disabled image inspect $HOST/$R:$T --format '{{.Created}}'",
		},
		{
			"skopeo", "skopeo list-tags --tls-verify=false docker://$HOST/$R | sed -n 's/^ *\"\\(t-[0-9]*\\)\".*/\\1/p'",
			"skopeo inspect -n --tls-verify=false --config docker://$HOST/$R:$T",
		},
	}
	path := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir}
	list := []contestant{{name: "regbot script", args: []string{"sh", "-c", regbotScript(filepath.Join(dir, "regbot.yml"))}, env: path, once: true}}
	for _, l := range loops {
		script := filepath.Join(dir, l.name+".sh")
		if err := os.WriteFile(script, []byte(loop(l.list, l.inspect)), 0o755); err != nil {
			return nil, err
		}
		if _, err := exec.LookPath(l.name); err != nil && l.name == "skopeo" {
			fmt.Fprintln(os.Stderr, "skopeo is not installed and left out")
			continue
		}
		list = append(list, contestant{name: l.name + " loop", args: []string{"sh", script, "HOST"}, env: path, once: true})
	}
	return list, nil
}

// loop is what people write: list, then ask about every tag.
func loop(list, inspect string) string {
	return "set -e\nHOST=$1\nfor R in $(crane catalog --insecure $HOST); do\n  for T in $(" + list + "); do\n    " + inspect + " >/dev/null\n  done\ndone\n"
}

// regbotScript reads the creation time of every tag, as the example that ships
// with regbot does.
func regbotScript(path string) string {
	return `cat > ` + path + ` <<EOF
version: 1
creds: [{registry: "HOST", tls: disabled}]
scripts:
  - name: read
    script: |
      for _, r in pairs(repo.ls("HOST")) do
        for _, t in pairs(tag.ls("HOST/" .. r)) do
          local c = image.config("HOST/" .. r .. ":" .. t)
        end
      end
EOF
exec regbot once --dry-run -c ` + path
}
