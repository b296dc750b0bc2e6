package store_test

import (
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
		arrived, err := s.RecordScan(ctx, "r", "app", at, pointers)
		check(t, err)
		if diff := cmp.Diff(want, arrived); diff != "" {
			t.Fatalf("scan %d: %s", scan, diff)
		}
	}
}
