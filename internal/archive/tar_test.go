package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	orasoci "oras.land/oras-go/v2/content/oci"

	"github.com/regkeep/regkeep/internal/archive"
)

// orasReads has another tool copy an image out of a tar file.
func orasReads(t *testing.T, file, name string) (ocispec.Descriptor, error) {
	t.Helper()
	other, err := orasoci.NewFromTar(t.Context(), file)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.Copy(t.Context(), other, name, memory.New(), "copy", oras.DefaultCopyOptions)
}

// A file that ends anywhere, in whatever a crash has left there, opens again
// with everything that was reported as kept, and ends as one that was never
// disturbed, readable for other tools.
func TestATarFileThatWasCutOffAnywhere(t *testing.T) {
	reg, index, first := stocked()
	first.Run = run1
	second := first
	second.Run, second.Tags = run2, []string{"v2"}
	dir := t.TempDir()
	file := filepath.Join(dir, "whole.tar")
	a := must(archive.OpenTar(file))
	ends := []int64{}
	for _, e := range []archive.Entry{first, second} {
		if err := a.Keep(t.Context(), e, reg.Reader()); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, must(os.Stat(file)).Size())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	whole := must(os.ReadFile(file))
	cuts := []int{384, 512, 513, 540, 1024, 1536}
	for cut := 0; cut <= len(whole); cut += 331 {
		cuts = append(cuts, cut)
	}
	for _, cut := range cuts {
		for what, tail := range map[string]string{"": "", "zeros": strings.Repeat("\x00", 700), "rubbish": strings.Repeat("\xa5", 700)} {
			torn := filepath.Join(dir, "torn.tar")
			if err := os.WriteFile(torn, append(whole[:cut:cut], tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := archive.OpenTar(torn)
			if err != nil {
				if cut < 512 && what == "rubbish" || cut > 0 && cut < 512 {
					continue // refused: nobody can tell that it was ours, and nothing is in it
				}
				t.Fatalf("cut at %d, %s: %v", cut, what, err)
			}
			got := entries(t, a, "")
			for i, end := range ends {
				if int64(cut) >= end && len(got) <= i {
					t.Fatalf("cut at %d, %s: entry %d, kept at %d, is lost", cut, what, i+1, end)
				}
			}
			for _, e := range []archive.Entry{first, second} {
				if err := a.Keep(t.Context(), e, reg.Reader()); err != nil {
					t.Fatalf("cut at %d, %s: %v", cut, what, err)
				}
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			again := must(archive.ReadTar(torn))
			if diff := cmp.Diff([]archive.Entry{first, second}, entries(t, again, "")); diff != "" {
				t.Fatalf("cut at %d, %s: %s", cut, what, diff)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"a.example:5000/app:v1", "a.example:5000/app:v2"} {
				if d, err := orasReads(t, torn, name); err != nil || d.Digest.String() != string(index.Digest) {
					t.Fatalf("cut at %d, %s: another tool: %v, %v", cut, what, d, err)
				}
			}
			if err := os.Remove(torn); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAFileWithSomethingElseIsRefused(t *testing.T) {
	for name, content := range map[string]string{"text": strings.Repeat("my thesis\n", 100), "short": "my thesis", "gzip": "\x1f\x8b\x08"} {
		file := filepath.Join(t.TempDir(), "thesis")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.OpenTar(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", name, err)
		}
		if got := must(os.ReadFile(file)); string(got) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := archive.ReadTar(filepath.Join(t.TempDir(), "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// What a killed process did not put into the index, the next one does before
// anything else.
func TestTheIndexIsRightAfterACrash(t *testing.T) {
	reg, index, entry := stocked()
	entry.Run = run1
	file := filepath.Join(t.TempDir(), "a.tar")
	a := must(archive.OpenTar(file))
	for entry.Seq = range 4 { // more than the index is written for
		if err := a.Keep(t.Context(), entry, reg.Reader()); err != nil {
			t.Fatal(err)
		}
		entry.Tags = []string{"w" + strings.Repeat("x", entry.Seq)}
	}
	unlock(t, file+".lock")
	if _, err := archive.OpenTar(file); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"v1", "v1.0", "w", "wx", "wxx"} {
		if d, err := orasReads(t, file, "a.example:5000/app:"+name); err != nil || d.Digest.String() != string(index.Digest) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}
