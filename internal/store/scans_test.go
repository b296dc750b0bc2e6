package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/store"
)

// Any row of scans is remembered as a map would.
func TestScansAreRememberedAsAMapWould(t *testing.T) {
	ctx, s := t.Context(), open(t)
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[store.Pointer]time.Time{}
	for scan := range 300 {
		at := t0.Add(time.Duration(scan) * time.Hour)
		var pointers []store.Pointer
		now, want := map[store.Pointer]time.Time{}, map[string]time.Time{}
		for tag := range 8 {
			if random.IntN(3) == 0 {
				continue
			}
			p := store.Pointer{Tag: fmt.Sprintf("t%d", tag), Digest: oci.FromBytes([]byte{byte(random.IntN(3))})}
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
		random.Shuffle(len(pointers), func(i, j int) { pointers[i], pointers[j] = pointers[j], pointers[i] })
		arrived, err := record(ctx, s, "app", at, pointers)
		check(t, err)
		if diff := cmp.Diff(want, arrived); diff != "" {
			t.Fatalf("scan %d: %s", scan, diff)
		}
	}
}

// record compares a scan with the one before and records it.
func record(ctx context.Context, s *store.Store, repository string, at time.Time, pointers []store.Pointer) (map[string]time.Time, error) {
	scan, err := s.CompareScan(ctx, "r", repository, at, pointers)
	if err != nil {
		return nil, err
	}
	return scan.Arrived(), s.RecordScan(ctx, scan)
}

// Two processes may scan a repository at once: what both found is as old as the
// first of them says, and what one saw go is not forgotten for the other's new
// digest.
func TestScansOfTwoProcesses(t *testing.T) {
	ctx, s := t.Context(), open(t)
	one, two := oci.FromBytes([]byte("1")), oci.FromBytes([]byte("2"))
	hour := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Hour) }
	_, err := record(ctx, s, "app", hour(0), []store.Pointer{{Tag: "moves", Digest: one}})
	check(t, err)
	early, err := s.CompareScan(ctx, "r", "app", hour(1), []store.Pointer{{Tag: "moves", Digest: one}, {Tag: "new", Digest: one}})
	check(t, err)
	late, err := s.CompareScan(ctx, "r", "app", hour(2), []store.Pointer{{Tag: "moves", Digest: two}, {Tag: "new", Digest: one}})
	check(t, err)
	check(t, s.RecordScan(ctx, early))
	check(t, s.RecordScan(ctx, late))
	arrived, err := record(ctx, s, "app", hour(3), []store.Pointer{{Tag: "moves", Digest: two}, {Tag: "new", Digest: one}})
	check(t, err)
	if diff := cmp.Diff(map[string]time.Time{"moves": hour(2), "new": hour(1)}, arrived); diff != "" {
		t.Error(diff)
	}
}
