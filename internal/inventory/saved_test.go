package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// save writes down everything about a world and returns it with what was seen.
func save(t testing.TB, w *world.World) ([]byte, []*inventory.Repository) {
	t.Helper()
	r := memory.Load(w, memory.Options{Untagged: true, PushTimes: true, PullTimes: true})
	s := scanner(t, r, inventory.Options{})
	var repos []*inventory.Repository
	var out bytes.Buffer
	if err := inventory.Save(&out, describe(t, r.Reader()), w.Now, func(yield func(*inventory.Repository, error) bool) {
		for repo, err := range s.Whole(context.Background()) {
			repos = append(repos, repo)
			if !yield(repo, err) {
				return
			}
		}
	}, s.Gaps); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), repos
}

func TestSavedInventoriesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := world.FromSeed(rapid.Uint64().Draw(rt, "seed"), world.Options{Times: true, Images: 5})
		text, repos := save(t, w)
		saved, err := inventory.Load(bytes.NewReader(text))
		if err != nil || !saved.At.Equal(w.Now) || saved.Info.Name != "memory" {
			rt.Fatalf("error %v, %+v", err, saved)
		}
		i := 0
		for repo, err := range saved.Scan(context.Background(), configs) {
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(repos[i], repo, cmpopts.IgnoreUnexported(inventory.Manifest{}), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatal(diff)
			}
			var digests []oci.Digest
			for _, root := range repo.Roots() {
				digests = append(digests, root.Digest)
			}
			if repo, err = saved.Deepen(context.Background(), repo, digests); err != nil || len(repo.Gaps) > 0 {
				rt.Fatalf("error %v, gaps %v", err, repo.Gaps)
			}
			i++
		}
		if i != len(repos) {
			rt.Fatalf("%d of %d repositories", i, len(repos))
		}
	})
}

func TestACutInventoryIsAnError(t *testing.T) {
	text, _ := save(t, shared(4))
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n := range lines {
		cut := bytes.Join(lines[:n], nil)
		saved, err := inventory.Load(bytes.NewReader(cut))
		if n == 0 {
			if !errors.Is(err, inventory.ErrNotInventory) {
				t.Errorf("nothing: error %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range saved.Scan(context.Background(), names) {
		}
		if whole := n == len(lines)-1; whole != (err == nil) || !whole && !errors.Is(err, inventory.ErrTruncated) {
			t.Errorf("%d of %d lines: error %v", n, len(lines), err)
		}
	}
	saved, err := inventory.Load(bytes.NewReader(slices.Concat(lines[0], lines[len(lines)-2])))
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range saved.Scan(context.Background(), names) {
	}
	if !errors.Is(err, inventory.ErrTruncated) {
		t.Errorf("without its repository: error %v", err)
	}
	if _, err := inventory.Load(strings.NewReader(`{"type":"inventory","version":2}`)); !errors.Is(err, inventory.ErrVersion) {
		t.Errorf("newer: error %v", err)
	}
	if _, err := inventory.Load(strings.NewReader(`{"type":"plan","version":1}`)); !errors.Is(err, inventory.ErrNotInventory) {
		t.Errorf("a plan: error %v", err)
	}
}

// What was saved with less than a decision needs has a gap, so nothing is
// decided on it.
func TestASavedInventorySaysWhatItLacks(t *testing.T) {
	l := newLayered()
	r := memory.Load(l.w, memory.Options{})
	for _, depth := range []inventory.Demand{names, graph} {
		s := scanner(t, r, inventory.Options{})
		var out bytes.Buffer
		if err := inventory.Save(&out, describe(t, r.Reader()), l.w.Now, s.Scan(context.Background(), depth), s.Gaps); err != nil {
			t.Fatal(err)
		}
		saved, err := inventory.Load(&out)
		if err != nil {
			t.Fatal(err)
		}
		for repo, err := range saved.Scan(context.Background(), graph) {
			if err != nil {
				t.Fatal(err)
			}
			if repo, err = saved.Deepen(context.Background(), repo, []oci.Digest{l.index.Digest}); err != nil || len(repo.Gaps) == 0 || repo.Gaps[0].Code != "inventory" {
				t.Errorf("error %v, gaps %v", err, repo.Gaps)
			}
		}
	}
}
