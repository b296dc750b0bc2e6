package archive_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	orasoci "oras.land/oras-go/v2/content/oci"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	registrymemory "github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

var at = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *archive.Layout {
	t.Helper()
	l, err := archive.OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func entries(t *testing.T, a archive.Archive, run string) []archive.Entry {
	t.Helper()
	var all []archive.Entry
	for entry, err := range a.Entries(t.Context(), run) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry)
	}
	return all
}

// stocked is a registry with a two-platform index that shares a layer, and
// the entry of that index.
func stocked() (*registrymemory.Registry, *world.Manifest, archive.Entry) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	base := w.Layer()
	index := r.Index(world.Index{Children: []*world.Manifest{
		r.Image(world.Image{Layers: []oci.Digest{base}}), r.Image(world.Image{Layers: []oci.Digest{base}, Platform: "linux/arm64", Odd: true}),
	}})
	r.Tag("v1", index)
	return registrymemory.Load(w, registrymemory.Options{}), index, archive.Entry{
		Run: "r1", Seq: 1, Registry: "a.example:5000", Repository: "app", Manifest: index.RawManifest, Tags: []string{"v1", "v1.0"}, At: at,
	}
}

// Another tool finds the whole image under its name, and every byte is right.
func TestOtherToolsOpenTheLayout(t *testing.T) {
	reg, index, entry := stocked()
	dir := t.TempDir()
	l := open(t, dir)
	if err := l.Keep(t.Context(), entry, reg.Reader()); err != nil {
		t.Fatal(err)
	}
	if got := reg.Counts()[call.Blob]; got != 5 {
		t.Errorf("%d blobs were fetched, five there are", got)
	}
	if err := l.Keep(t.Context(), entry, reg.Reader()); err != nil || reg.Counts()[call.Blob] != 5 {
		t.Errorf("kept again: %v, %v", err, reg.Counts())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := orasoci.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	var copying sync.Mutex
	var copied []string
	options := oras.DefaultCopyOptions
	options.PostCopy = func(_ context.Context, d ocispec.Descriptor) error {
		copying.Lock()
		defer copying.Unlock()
		copied = append(copied, d.Digest.String())
		return nil
	}
	for _, name := range entry.Tags {
		got, err := oras.Copy(t.Context(), other, "a.example:5000/app:"+name, memory.New(), name, options)
		if err != nil || got.Digest.String() != string(index.Digest) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if len(copied) < 8 {
		t.Errorf("copied %v", copied)
	}
}

// What a crash cut off was never reported as kept; what was kept is there.
func TestACrashLosesNothingThatWasKept(t *testing.T) {
	reg, _, entry := stocked()
	dir := t.TempDir()
	crashed := open(t, dir)
	if err := crashed.Keep(t.Context(), entry, reg.Reader()); err != nil { // and no Close
		t.Fatal(err)
	}
	unlock(t, filepath.Join(dir, "regkeep.lock"))
	journal, err := os.OpenFile(filepath.Join(dir, "regkeep-entries.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "blobs", "sha256", ".incoming-1")
	_, err = journal.WriteString(`{"run":"r1","seq":2,"dig`)
	err = errors.Join(err, os.WriteFile(half, []byte("half of a blo"), 0o600))
	if err := errors.Join(err, journal.Close()); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was not finished is still there: %v", err)
	}
	if diff := cmp.Diff([]archive.Entry{entry}, entries(t, l, "r1")); diff != "" {
		t.Error(diff)
	}
	entry.Seq = 2
	if err := errors.Join(l.Keep(t.Context(), entry, reg.Reader()), l.Close()); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, open(t, dir), ""); len(got) != 2 {
		t.Errorf("%d entries", len(got))
	}
}

// liar serves other bytes than it was asked for.
type liar struct{ registry.Reader }

type lie struct{ *strings.Reader }

func (lie) Close() error { return nil }

func (liar) Blob(context.Context, string, oci.Digest) (registry.Blob, error) {
	return lie{strings.NewReader("something else")}, nil
}

func TestADirectoryWithSomethingElseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.OpenLayout(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestDamageInTheLayoutIsFound(t *testing.T) {
	reg, index, entry := stocked()
	dir := t.TempDir()
	l := open(t, dir)
	if err := l.Keep(t.Context(), entry, reg.Reader()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", index.Digest.Hex()), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Manifest(t.Context(), index.Digest); err == nil {
		t.Error("damaged bytes were handed out")
	}
	content, size, err := l.Blob(t.Context(), oci.Digest(index.Children[0].Digest))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(content)
	if err := errors.Join(err, content.Close()); err != nil || int64(len(body)) != size {
		t.Errorf("%d of %d bytes, %v", len(body), size, err)
	}
}

// Two runs may have removed different images under one name: it means the
// later one, and the other is found by its digest. What another tool has put
// into the layout stays in its index.
func TestNamesInTheIndexMeanOneImage(t *testing.T) {
	reg, index, entry := stocked()
	dir := t.TempDir()
	if _, err := oras.Copy(t.Context(), foreign(t), "theirs", must(orasoci.New(dir)), "theirs", oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
	child := reg.World().Repositories["app"].Manifests[index.Children[0].Digest]
	older, newer := entry, entry
	older.Run, older.Manifest = run1, child.RawManifest
	newer.Run = run2
	l := open(t, dir)
	if err := errors.Join(l.Keep(t.Context(), older, reg.Reader()), l.Keep(t.Context(), newer, reg.Reader()), l.Close()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Manifests []ocispec.Descriptor
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "index.json"))), &got); err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	for _, d := range got.Manifests {
		name := d.Annotations[ocispec.AnnotationRefName]
		named[name] = append(named[name], d.Digest.String())
	}
	if diff := cmp.Diff([]string{string(index.Digest)}, named["a.example:5000/app:v1"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{string(child.Digest)}, named[""]); diff != "" {
		t.Error(diff)
	}
	if len(named["theirs"]) != 1 {
		t.Errorf("the index lost what was there before: %v", named)
	}
}

// foreign is an image of another tool.
func foreign(t *testing.T) *memory.Store {
	t.Helper()
	store := memory.New()
	d, err := oras.PackManifest(t.Context(), store, oras.PackManifestVersion1_1, "application/vnd.example", oras.PackManifestOptions{})
	if err == nil {
		err = store.Tag(t.Context(), d, "theirs")
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}
