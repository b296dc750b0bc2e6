package archive_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// atRepository is an archive in a repository of a real registry.
func atRepository(t *testing.T, host, repository string) *archive.Repository {
	t.Helper()
	reader, err := distribution.New(registry.Endpoint{Name: host, Address: host})
	if err != nil {
		t.Fatal(err)
	}
	return archive.NewRepository(registry.Info{Name: host}, repository, reader, must(distribution.NewMutator(reader)))
}

// Skopeo, which shares no code with this program, copies every platform out of
// every kind of archive, also out of one that nobody has closed.
func TestSkopeoReadsEveryKindOfArchive(t *testing.T) {
	program, err := exec.LookPath("skopeo")
	if err != nil {
		if os.Getenv(live.RequireReal) != "" {
			t.Fatalf("%v, and %s is set", err, live.RequireReal)
		}
		t.Skipf("skopeo is not installed; set %s=1 to make this a failure", live.RequireReal)
	}
	reg, index, entry := stocked()
	entry.Run = run1
	target := live.Distribution(t, server.Options{}).Host
	dir := t.TempDir()
	tarFile := filepath.Join(dir, "a.tar")
	for _, kind := range []struct {
		from    string
		keep    func() error
		options []string
	}{
		{"oci:" + filepath.Join(dir, "layout") + ":a.example:5000/app:v1", func() error {
			return open(t, filepath.Join(dir, "layout")).Keep(t.Context(), entry, reg.Reader()) // and no Close
		}, nil},
		{"oci-archive:" + tarFile + ":a.example:5000/app:v1", func() error {
			a := must(archive.OpenTar(tarFile))
			return errors.Join(a.Keep(t.Context(), entry, reg.Reader()), a.Close())
		}, nil},
		{"docker://" + target + "/archive/all:" + run1 + ".1_app_v1", func() error {
			return atRepository(t, target, "archive/all").Keep(t.Context(), entry, reg.Reader())
		}, []string{"--src-tls-verify=false"}},
	} {
		name, _, _ := strings.Cut(kind.from, ":")
		t.Run(name, func(t *testing.T) {
			if err := kind.keep(); err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "copy")
			args := append([]string{"copy", "--insecure-policy", "--all", "--preserve-digests"}, kind.options...)
			if out, err := exec.CommandContext(t.Context(), program, append(args, kind.from, "oci:"+copied)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			digests := []oci.Digest{index.Digest}
			for _, child := range index.Children {
				m := reg.World().Repositories["app"].Manifests[child.Digest]
				digests = append(append(digests, child.Digest, m.Config), m.Layers...)
			}
			for _, digest := range digests {
				if _, err := os.Stat(filepath.Join(copied, "blobs", "sha256", digest.Hex())); err != nil {
					t.Errorf("%s was not copied", digest)
				}
			}
		})
	}
}
