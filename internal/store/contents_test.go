package store_test

import (
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
