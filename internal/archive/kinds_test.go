package archive_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	registrymemory "github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// run1 and run2 are names as runs have them.
const (
	run1 = "20260301T100000Z-0000000a"
	run2 = "20260302T100000Z-0000000b"
)

// kinds opens each kind of archive, as often as it is called on the same
// content. crash forgets that the last one is open.
func kinds() map[string]func(t *testing.T) (open func() archive.Archive, read func() archive.Archive, crash func()) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(t *testing.T) (func() archive.Archive, func() archive.Archive, func()){
		"oci": func(t *testing.T) (func() archive.Archive, func() archive.Archive, func()) {
			dir := t.TempDir()
			return func() archive.Archive { return open(t, dir) },
				func() archive.Archive { l, err := archive.ReadLayout(dir); must(t, err); return l },
				func() { unlock(t, filepath.Join(dir, "regkeep.lock")) }
		},
		"tar": func(t *testing.T) (func() archive.Archive, func() archive.Archive, func()) {
			file := filepath.Join(t.TempDir(), "a.tar")
			return func() archive.Archive { a, err := archive.OpenTar(file); must(t, err); return a },
				func() archive.Archive { a, err := archive.ReadTar(file); must(t, err); return a },
				func() { unlock(t, file+".lock") }
		},
		"repository": func(*testing.T) (func() archive.Archive, func() archive.Archive, func()) {
			target := registrymemory.Load(world.New(world.DefaultNow), registrymemory.Options{})
			again := func() archive.Archive {
				return archive.NewRepository(registry.Info{Name: "b.example"}, "kept/here", target.Reader(), target.Mutator())
			}
			return again, again, func() {}
		},
		"careless repository": func(t *testing.T) (func() archive.Archive, func() archive.Archive, func()) {
			host := live.GoContainerRegistry(t).Host // takes manifests whose blobs are not there
			again := func() archive.Archive { return atRepository(t, host, "kept/here") }
			return again, again, func() {}
		},
	}
}

// unlock is what the end of a process does to its lock.
func unlock(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, a archive.Archive, digest oci.Digest) []byte {
	t.Helper()
	content, size, err := a.Blob(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(content)
	if err := errors.Join(err, content.Close()); err != nil || size >= 0 && int64(len(body)) != size {
		t.Fatalf("%d of %d bytes, %v", len(body), size, err)
	}
	return body
}

// Whatever kind it is, it gives back what it kept, by itself, and asks the
// registry for each blob once; also after a process that was killed.
func TestAnArchiveGivesBackWhatItKept(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			open, read, crash := kind(t)
			reg, index, first := stocked()
			first.Run, first.URL, first.Kind = run1, "http://a.example:5000", "distribution"
			second := first
			second.Run, second.Seq, second.Tags = run2, 7, nil

			a := open()
			if err := a.Keep(t.Context(), first, reg.Reader()); err != nil {
				t.Fatal(err)
			}
			if got := reg.Counts()[call.Blob]; got != 5 {
				t.Errorf("%d blobs were fetched, five there are", got)
			}
			crash()
			a = open()
			for range 2 {
				if err := errors.Join(a.Keep(t.Context(), second, reg.Reader()), a.Keep(t.Context(), first, reg.Reader())); err != nil {
					t.Fatal(err)
				}
			}
			if got := reg.Counts()[call.Blob]; got != 5 {
				t.Errorf("%d blobs were fetched by the second process", got-5)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}

			a = read()
			defer a.Close()
			if diff := cmp.Diff([]archive.Entry{first, second}, entries(t, a, "")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]archive.Entry{second}, entries(t, a, run2)); diff != "" {
				t.Error(diff)
			}
			stock := reg.World()
			for _, child := range index.Children {
				m := stock.Repositories["app"].Manifests[child.Digest]
				if diff := cmp.Diff(m.RawManifest, must(a.Manifest(t.Context(), child.Digest))); diff != "" {
					t.Errorf("a child: %s", diff)
				}
				for _, digest := range append(slices.Clone(m.Layers), m.Config) {
					if got := readAll(t, a, digest); digest.Verify(got) != nil {
						t.Errorf("%s has other bytes", digest)
					}
				}
			}
			nowhere := oci.FromBytes([]byte("nowhere"))
			if _, err := a.Manifest(t.Context(), nowhere); !errors.Is(err, archive.ErrNotKept) {
				t.Errorf("got %v", err)
			}
			if _, _, err := a.Blob(t.Context(), nowhere); !errors.Is(err, archive.ErrNotKept) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Every read of the registry failing or lying: nothing is called kept that is
// not, and the next attempt mends it.
func TestOnlyWhatIsWholeAndRightIsKept(t *testing.T) {
	reg, index, entry := stocked()
	entry.Run = run1
	child := reg.World().Repositories["app"].Manifests[index.Children[0].Digest]
	for name, kind := range kinds() {
		for what, c := range map[string]struct {
			fault fault.Fault
			fails bool
		}{
			"a blob fails":    {fault.Fault{Op: call.Blob, Nth: 2, Kind: fault.Refuse}, true},
			"a child fails":   {fault.Fault{Op: call.Manifest, Nth: 1, Kind: fault.Refuse}, true},
			"a blob is gone":  {fault.Fault{Op: call.Blob, Reference: string(child.Config), Kind: fault.Refuse, Err: registry.ErrNotFound}, strings.HasSuffix(name, "repository")},
			"a child is gone": {fault.Fault{Op: call.Manifest, Nth: 2, Kind: fault.Refuse, Err: registry.ErrNotFound}, strings.HasSuffix(name, "repository")},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				open, _, _ := kind(t)
				a := open()
				err := a.Keep(t.Context(), entry, fault.New(c.fault).Reader(reg.Reader()))
				if (err != nil) != c.fails {
					t.Fatalf("got %v", err)
				}
				if _, err := a.Manifest(t.Context(), index.Digest); errors.Is(err, archive.ErrNotKept) != c.fails {
					t.Errorf("kept: %v", err)
				}
				if got := len(entries(t, a, "")); (got == 0) != c.fails {
					t.Errorf("%d entries", got)
				}
				if err := errors.Join(a.Keep(t.Context(), entry, reg.Reader()), a.Close()); err != nil {
					t.Errorf("once more: %v", err)
				}
			})
		}
		t.Run(name+"/other bytes", func(t *testing.T) {
			open, _, _ := kind(t)
			a := open()
			if err := a.Keep(t.Context(), entry, liar{reg.Reader()}); err == nil {
				t.Error("a blob was kept under a digest that it does not have")
			}
			if _, _, err := a.Blob(t.Context(), child.Config); !errors.Is(err, archive.ErrNotKept) {
				t.Errorf("got %v", err)
			}
			if err := errors.Join(a.Keep(t.Context(), entry, reg.Reader()), a.Close()); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

func TestTwoProcessesDoNotWriteTheSameArchive(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := archive.OpenLayout(dir); err == nil {
		t.Error("two write to one layout")
	}
	file := filepath.Join(dir, "a.tar")
	if _, err := archive.OpenTar(file); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.OpenTar(file); err == nil {
		t.Error("two write to one tar file")
	}
}

func TestAPlace(t *testing.T) {
	here := must(os.Getwd())
	for written, want := range map[string]string{
		"oci:a/b": "oci:" + filepath.Join(here, "a/b"), "tar:/x.tar": "tar:/x.tar", "host:5000/a/b": "host:5000/a/b",
		"oci:": "", "plain": "", "./plain": "", "/a/b": "", "": "",
	} {
		place, err := archive.ParsePlace(written)
		if (err != nil) != (want == "") || err == nil && place.String() != want {
			t.Errorf("%q is %q, %v; want %q", written, place, err, want)
		}
	}
}

// A registry that takes an image and does not keep it has not kept it.
func TestARepositoryIsLookedAtAfterwards(t *testing.T) {
	reg, _, entry := stocked()
	entry.Run = run1
	for nth := 4; nth <= 5; nth++ { // two children and the index by digest, then the two tags
		target := registrymemory.Load(world.New(world.DefaultNow), registrymemory.Options{})
		lying := fault.New(fault.Fault{Op: call.PutManifest, Nth: nth, Kind: fault.Lie})
		a := archive.NewRepository(registry.Info{Name: "b.example"}, "kept/here", target.Reader(), lying.Mutator(target.Mutator()))
		if err := a.Keep(t.Context(), entry, reg.Reader()); err == nil || len(lying.Unused()) > 0 {
			t.Errorf("put #%d: got %v", nth, err)
		}
		if err := a.Keep(t.Context(), entry, reg.Reader()); err != nil {
			t.Errorf("once more: %v", err)
		}
	}
}
