package app

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
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
		for i, tag := range listed {
			at, _ := slices.BinarySearchFunc(pointers, tag.Name, func(p store.Pointer, name string) int { return strings.Compare(p.Tag, name) })
			if want[i] && cache.shelf.of[pointers[at].Digest] == nil {
				t.Fatalf("parts of %d: %s is not read ahead", size, tag.Name)
			}
		}
		cache.shelf.wait()
	}
	if other := recaller(state, newContents(ctx, state, nil), "r")(ctx, "other")(listed); slices.Contains(other, true) {
		t.Error("what another repository holds is at hand")
	}
}
