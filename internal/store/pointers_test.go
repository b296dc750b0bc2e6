package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/store"
)

// Repositories of thousands of tags that come, go and move are remembered like
// small ones, in rows that stay short.
func TestManyTagsAreRememberedInShortRows(t *testing.T) {
	ctx, s := t.Context(), open(t)
	random := rand.New(rand.NewPCG(3, 4))
	seen := map[store.Pointer]time.Time{}
	for scan, tags := range []int{100, 6000, 6000, 2500, 12000, 3, 0, 5000} {
		at := t0.Add(time.Duration(scan) * time.Hour)
		var pointers []store.Pointer
		now, want := map[store.Pointer]time.Time{}, map[string]time.Time{}
		for _, number := range random.Perm(max(2*tags, 5000))[:tags] {
			p := store.Pointer{Tag: fmt.Sprintf("t%x", number), Digest: oci.FromBytes([]byte{byte(random.IntN(2))})}
			pointers = append(pointers, p)
			since, known := seen[p]
			if !known {
				since = at
			}
			if now[p] = since; since.After(t0) {
				want[p.Tag] = since
			}
		}
		seen = now
		arrived, err := record(ctx, s, "app", at, pointers)
		check(t, err)
		if diff := cmp.Diff(want, arrived); diff != "" {
			t.Fatalf("scan %d: %s", scan, diff)
		}
		lengths, lines := s.PointerRows(t, "app"), 0
		for _, n := range lengths {
			if lines += n; n == 0 || n > 2000 {
				t.Errorf("scan %d: rows of %v", scan, lengths)
			}
		}
		if lines != tags {
			t.Errorf("scan %d: %d lines, want %d", scan, lines, tags)
		}
	}
}

func TestAllOfARepositoryIsRecalled(t *testing.T) {
	ctx, s := t.Context(), open(t)
	var pointers []store.Pointer
	for n := range 5000 {
		pointers = append(pointers, store.Pointer{Tag: fmt.Sprintf("%04d", n), Digest: manifest(n % 7).Digest})
	}
	for _, repository := range []string{"app", "app2"} {
		_, err := record(ctx, s, repository, t0, pointers)
		check(t, err)
	}
	recalled, err := s.Recalled(ctx, "r", "app")
	check(t, err)
	if !slices.Equal(recalled, pointers) {
		t.Errorf("%d pointers, want %d", len(recalled), len(pointers))
	}
	if recalled, err := s.Recalled(ctx, "r", "none"); err != nil || len(recalled) > 0 {
		t.Errorf("of another repository: %v, %v", recalled, err)
	}
}

// Where two processes met, a tag can have been seen on several digests: all are
// in one row, and go when they are seen gone.
func TestATagOnManyDigestsStaysInOneRow(t *testing.T) {
	ctx, s := t.Context(), open(t)
	var scans []store.Scan
	for n := range 300 {
		var pointers []store.Pointer
		for tag := range 10 {
			pointers = append(pointers, store.Pointer{Tag: fmt.Sprint("t", tag), Digest: manifest(n).Digest})
		}
		scan, err := s.CompareScan(ctx, "r", "app", t0, pointers)
		check(t, err)
		scans = append(scans, scan)
	}
	for _, scan := range scans {
		check(t, s.RecordScan(ctx, scan))
	}
	if lengths := s.PointerRows(t, "app"); len(lengths) < 2 {
		t.Errorf("rows of %v", lengths)
	}
	_, err := record(ctx, s, "app", t0, []store.Pointer{{Tag: "t3", Digest: manifest(7).Digest}})
	check(t, err)
	if lengths := s.PointerRows(t, "app"); !slices.Equal(lengths, []int{1}) {
		t.Errorf("rows of %v, want one of one line", lengths)
	}
}

func TestDamagedPointersAreNotAnEmptyMemory(t *testing.T) {
	ctx, s := t.Context(), open(t)
	_, err := record(ctx, s, "app", t0, []store.Pointer{{Tag: "a", Digest: manifest(1).Digest}})
	check(t, err)
	s.DamagePointers(t, "app")
	if _, err := s.CompareScan(ctx, "r", "app", t0, nil); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), s.Path()) {
		t.Errorf("compared: %v", err)
	}
	if _, err := s.Recalled(ctx, "r", "app"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("recalled: %v", err)
	}
}

// What an older regkeep has seen, and since when, is known after the file was
// brought up to date.
func TestPointersOfOlderStates(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "state.db")
	digest := manifest(1).Digest
	store.CreateVersion(t, path, 7,
		`INSERT INTO scans (registry, repository, first_at, last_at) VALUES ('r', 'app', 0, 9), ('r', 'small', 0, 9)`,
		`INSERT INTO seen (registry, repository, tag, digest, at)
			WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3999)
			SELECT 'r', 'app', printf('%05d', n * 7919 % 4000), '`+string(digest)+`', 1000000 + n * 7919 % 4000 FROM numbers`,
		`INSERT INTO seen (registry, repository, tag, digest, at) VALUES ('r', 'app', '00999', 'sha256:0', 5), ('r', 'small', 'a', '`+string(digest)+`', 7)`,
	)
	s, err := store.Open(path)
	check(t, err)
	defer s.Close()
	if lengths := s.PointerRows(t, "app"); !slices.Equal(lengths, []int{1001, 1000, 1000, 1000}) {
		t.Errorf("rows of %v", lengths)
	}
	var pointers []store.Pointer
	want := map[string]time.Time{}
	for n := range 4000 {
		pointers = append(pointers, store.Pointer{Tag: fmt.Sprintf("%05d", n), Digest: digest})
		want[pointers[n].Tag] = time.UnixMicro(1000000 + int64(n)).UTC()
	}
	arrived, err := record(ctx, s, "app", t0, pointers)
	check(t, err)
	if diff := cmp.Diff(want, arrived); diff != "" {
		t.Error(diff)
	}
	if lengths := s.PointerRows(t, "app"); !slices.Equal(lengths, []int{1000, 1000, 1000, 1000}) {
		t.Errorf("rows of %v after the second digest of a tag has gone", lengths)
	}
	arrived, err = record(ctx, s, "small", t0, []store.Pointer{{Tag: "a", Digest: digest}})
	check(t, err)
	if diff := cmp.Diff(map[string]time.Time{"a": time.UnixMicro(7).UTC()}, arrived); diff != "" {
		t.Error(diff)
	}
}

// A tag that no registry may have is not written down, where it would be taken
// for two: it counts as just arrived each time.
func TestATagOfTwoLinesIsNotWrittenDown(t *testing.T) {
	ctx, s := t.Context(), open(t)
	digest := manifest(1).Digest
	pointers := []store.Pointer{{Tag: "a", Digest: digest}, {Tag: "a\nb", Digest: digest}, {Tag: "c", Digest: digest}}
	for n := range 3 {
		at := t0.Add(time.Duration(n) * time.Hour)
		scan, err := s.CompareScan(ctx, "r", "app", at, pointers)
		check(t, err)
		for range 2 { // as where a write is tried again
			check(t, s.RecordScan(ctx, scan))
		}
		if lengths := s.PointerRows(t, "app"); !slices.Equal(lengths, []int{2}) {
			t.Errorf("scan %d: rows of %v", n, lengths)
		}
		arrived := scan.Arrived()
		if want := map[string]time.Time{"a\nb": at}; n > 0 && !cmp.Equal(want, arrived) {
			t.Errorf("scan %d: %s", n, cmp.Diff(want, arrived))
		}
	}
}
