package store_test

import (
	"crypto/sha512"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestMissingIsWhatIsNotCached(t *testing.T) {
	ctx, s := t.Context(), open(t)
	var kept []oci.RawManifest
	var all []oci.Digest
	for n := range 100 {
		all = append(all, manifest(n).Digest)
		if n%3 > 0 {
			kept = append(kept, manifest(n))
		}
	}
	check(t, s.KeepContents(ctx, t0, kept...))
	missing, err := s.Missing(ctx, all)
	check(t, err)
	for n, digest := range all {
		if missing[digest] != (n%3 == 0) {
			t.Errorf("%d missing: %t", n, missing[digest])
		}
	}
	if missing, err := s.Missing(ctx, nil); err != nil || len(missing) > 0 {
		t.Errorf("of nothing %v are missing, %v", missing, err)
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

// What an older regkeep cached is found after the file was brought up to date,
// in the order in which it came; what has no digest is left out.
func TestContentsOfOlderStates(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "state.db")
	old, young, config := manifest(1), manifest(2), long(3)
	row := func(n int, raw oci.RawManifest, at int) string {
		return fmt.Sprintf(`INSERT INTO contents (n, digest, media_type, size, body, at) VALUES (%d, '%s', '%s', %d, x'%x', %d)`,
			n, raw.Digest, raw.MediaType, len(raw.Body), raw.Body, at)
	}
	store.CreateVersion(t, path, 8, row(7, young, 9), row(5, old, 0), row(6, config, 8),
		`INSERT INTO contents (digest, media_type, size, body) VALUES ('broken', '', 1, x'00')`)
	s, err := store.Open(path)
	check(t, err)
	defer s.Close()
	all := []oci.RawManifest{old, young, config}
	digests := []oci.Digest{old.Digest, young.Digest, config.Digest}
	found, err := s.Contents(ctx, digests)
	check(t, err)
	for _, raw := range all {
		if diff := cmp.Diff(raw, found[raw.Digest]); diff != "" {
			t.Error(diff)
		}
	}
	fetched, err := s.Fetched(ctx, digests)
	check(t, err)
	if diff := cmp.Diff(map[oci.Digest]time.Time{young.Digest: time.Unix(0, 9).UTC(), config.Digest: time.Unix(0, 8).UTC()}, fetched); diff != "" {
		t.Error(diff)
	}
	if size := s.CacheSize(t); size != int64(len(old.Body)+len(young.Body)+len(config.Body)) {
		t.Errorf("%d bytes are kept", size)
	}
	other := manifest(4)
	missing, err := s.Missing(ctx, append(digests, other.Digest))
	check(t, err)
	if diff := cmp.Diff(map[oci.Digest]bool{other.Digest: true}, missing); diff != "" {
		t.Error(diff)
	}
	if s.Newest(t) != young.Digest {
		t.Errorf("the newest was %s", s.Newest(t))
	}
	check(t, s.KeepContents(ctx, t0, other))
	if s.Newest(t) != other.Digest {
		t.Errorf("the newest is %s", s.Newest(t))
	}
}

// long is a manifest with a sha512 digest.
func long(n int) oci.RawManifest {
	raw := manifest(n)
	sum := sha512.Sum512(raw.Body)
	raw.Digest = oci.FromSum(sum[:])
	return raw
}
