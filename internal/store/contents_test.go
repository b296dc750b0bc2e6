package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/store"
)

// What lost its bytes is not given out, and the right bytes replace it.
func TestDamagedContentsAreDropped(t *testing.T) {
	ctx, s := t.Context(), open(t)
	good := oci.RawManifest{MediaType: "m", Digest: oci.FromBytes([]byte("good")), Body: []byte("good")}
	other := oci.RawManifest{MediaType: "m", Digest: oci.FromBytes([]byte("other")), Body: []byte("other")}
	check(t, s.KeepContents(ctx, time.Unix(7, 0), good, other))
	s.DamageContent(t, good.Digest)
	asked := []oci.Digest{good.Digest, other.Digest, oci.FromBytes([]byte("none"))}
	found, err := s.Contents(ctx, asked)
	check(t, err)
	if len(found) != 1 || string(found[other.Digest].Body) != "other" {
		t.Errorf("found %v", found)
	}
	check(t, s.KeepContents(ctx, time.Unix(7, 0), good))
	found, err = s.Contents(ctx, asked)
	check(t, err)
	if string(found[good.Digest].Body) != "good" {
		t.Errorf("found %v", found)
	}
}

func TestRecalledTagsAreThoseWhoseManifestIsCached(t *testing.T) {
	ctx, s := t.Context(), open(t)
	kept := oci.RawManifest{MediaType: "m", Digest: oci.FromBytes([]byte("a")), Body: []byte("a")}
	check(t, s.KeepContents(ctx, time.Unix(7, 0), kept))
	_, err := record(ctx, s, "app", time.Unix(1, 0), []store.Pointer{
		{Tag: "a", Digest: kept.Digest}, {Tag: "b", Digest: oci.FromBytes([]byte("b"))},
	})
	check(t, err)
	for repository, want := range map[string]int{"app": 1, "other": 0} {
		recalled, err := s.Recalled(ctx, "r", repository)
		check(t, err)
		if len(recalled) != want || want == 1 && recalled[0] != (store.Pointer{Tag: "a", Digest: kept.Digest}) {
			t.Errorf("%s: %v", repository, recalled)
		}
	}
}

// However digests lie, what is kept of them is found, with its bytes. What is
// found besides is bounded.
func TestContentsAreFoundWhereverTheyLie(t *testing.T) {
	ctx, s := t.Context(), open(t)
	var kept []oci.Digest
	for batch := range 5 {
		var contents []oci.RawManifest
		for n := range 1000 {
			contents = append(contents, manifest(1000*batch+n))
			kept = append(kept, contents[n].Digest)
		}
		check(t, s.KeepContents(ctx, t0, contents...))
	}
	damaged := kept[1100]
	s.DamageContent(t, damaged)
	never := oci.FromBytes([]byte("never kept"))
	backwards := slices.Clone(kept[1000:1400])
	slices.Reverse(backwards)
	var everyTenth []oci.Digest
	for n := 0; n < len(kept); n += 10 {
		everyTenth = append(everyTenth, kept[n])
	}
	for name, wanted := range map[string][]oci.Digest{
		"few":                      kept[1090:1110],
		"side by side":             kept[1000:1400],
		"the first of all":         kept[:400],
		"the last of all":          kept[4600:],
		"all":                      kept,
		"in another order":         backwards,
		"far from each other":      everyTenth,
		"one far away":             slices.Concat(kept[1000:1400], kept[4000:4001], kept[1400:1500]),
		"the first not kept":       slices.Concat([]oci.Digest{never}, kept[1000:1400]),
		"the last not kept":        slices.Concat(kept[1000:1400], []oci.Digest{never}),
		"one of them not kept":     slices.Concat(kept[1000:1200], []oci.Digest{never}, kept[1200:1400]),
		"the first one damaged":    kept[1100:1500],
		"the same again and again": slices.Repeat(kept[1000:1001], 400),
		"nothing":                  nil,
	} {
		found, err := s.Contents(ctx, wanted)
		check(t, err)
		for _, digest := range wanted {
			raw, here := found[digest]
			if should := digest != never && digest != damaged; here != should {
				t.Fatalf("%s: %s found: %t", name, digest, here)
			} else if here && (raw.Digest != digest || digest.Verify(raw.Body) != nil || raw.MediaType != oci.MediaTypeImage) {
				t.Fatalf("%s: %s has the bytes of another", name, digest)
			}
		}
		if _, here := found[damaged]; here {
			t.Errorf("%s: what lost its bytes was given out", name)
		}
		if len(found) > 2*len(wanted)+300 {
			t.Errorf("%s: %d wanted, %d read", name, len(wanted), len(found))
		}
	}
}
