package app

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/store"
)

// What was remembered and is not listed any more is neither read ahead nor at hand.
func TestOnlyListedTagsAreRecalled(t *testing.T) {
	pointers := []store.Pointer{{Tag: "a", Digest: "1"}, {Tag: "b", Digest: "2"}, {Tag: "d", Digest: "4"}}
	tags := []inventory.Tag{{Name: "b"}, {Name: "c"}, {Name: "d"}}
	digests, here := stillListed(pointers, tags)
	if !slices.Equal(digests, []oci.Digest{"2", "4"}) || !slices.Equal(here, []bool{true, false, true}) {
		t.Errorf("%v, %v", digests, here)
	}
}

// At hand is what is listed, was seen by the last scan, and is cached; and it has
// been read when it is asked for. The list comes in parts, as it pleases.
func TestWhatIsAtHand(t *testing.T) {
	ctx := t.Context()
	state, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	const tags = 7000
	var kept []oci.RawManifest
	var pointers []store.Pointer
	var listed []inventory.Tag
	var want []bool
	for n := range tags {
		body := fmt.Appendf(nil, `{"n":%d}`, n/2)
		raw := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body}
		name := fmt.Sprintf("t%04d", n)
		isCached, isSeen, isListed := n/2%5 > 0, n%7 > 0, n%11 > 0
		if isCached && n%2 == 0 {
			kept = append(kept, raw)
		}
		if isSeen {
			pointers = append(pointers, store.Pointer{Tag: name, Digest: raw.Digest})
		}
		if isListed {
			listed, want = append(listed, inventory.Tag{Name: name}), append(want, isCached && isSeen)
		}
	}
	if err := state.KeepContents(ctx, noon, kept...); err != nil {
		t.Fatal(err)
	}
	scan, err := state.CompareScan(ctx, "r", "app", noon, pointers)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.RecordScan(ctx, scan); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 999, 1000, tags} {
		cache := newContents(ctx, state, nil)
		ask := recaller(state, cache, "r")(ctx, "app")
		got := ask(nil)
		for part := range slices.Chunk(listed, size) {
			got = append(got, ask(part)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("parts of %d: another %d of %d are at hand", size, len(got), len(want))
		}
		cache.shelf.wait()
		for i, tag := range listed {
			at, _ := slices.BinarySearchFunc(pointers, tag.Name, func(p store.Pointer, name string) int { return strings.Compare(p.Tag, name) })
			if want[i] && cache.shelf.of[pointers[at].Digest] == nil {
				t.Fatalf("parts of %d: %s is not read ahead", size, tag.Name)
			}
		}
	}
	if other := recaller(state, newContents(ctx, state, nil), "r")(ctx, "other")(listed); slices.Contains(other, true) {
		t.Error("what another repository holds is at hand")
	}
}

// What is looked upon as cached and is not there is fetched, and decided like
// before.
func TestWhatTheCacheLostIsFetched(t *testing.T) {
	h := newHousehold(t, func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) }, true)
	a := h.app(t)
	first := h.plan(t, a).Summary
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := sql.Open("sqlite", h.state)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	var body string
	if err := state.QueryRow(`SELECT body FROM pointers WHERE repository = 'shop/cart'`).Scan(&body); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for line := range strings.Lines(body) {
		digest, _, _ := strings.Cut(line, " ")
		digests = append(digests, digest)
	}
	stay := []string{digests[0], digests[len(digests)-1]} // they speak for the others
	lost := 0
	for _, digest := range digests {
		if slices.Contains(stay, digest) {
			continue
		}
		if _, err := state.Exec(`DELETE FROM contents WHERE digest = $1`, digest); err != nil {
			t.Fatal(err)
		}
		lost++
	}
	if lost < 3 {
		t.Fatalf("%d contents were lost of %q", lost, body)
	}
	again := h.plan(t, h.app(t)).Summary
	if again.Remove != first.Remove || again.Keep != first.Keep || again.Hold != first.Hold || again.Steps != first.Steps {
		t.Errorf("decided %+v, before %+v", again, first)
	}
}
