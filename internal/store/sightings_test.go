package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/store"
	"github.com/regkeep/regkeep/internal/usage"
)

func TestWhatWasSeenInUseIsRememberedAcrossOpenings(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	check(t, err)
	seen := func(what string, at time.Time) usage.Sighting {
		return usage.Sighting{Source: "kubernetes prod", Image: "registry.example.com/shop/cart:v1", What: what, Seen: at}
	}
	old, cart := seen("pod shop/old", t0), seen("pod shop/cart", t0.Add(time.Hour))
	check(t, s.Remember(ctx, []usage.Sighting{old, cart}))
	// A clock that went back takes nothing away.
	check(t, s.Remember(ctx, []usage.Sighting{seen("pod shop/cart", t0.Add(-time.Hour))}))
	check(t, s.Close())
	s, err = store.Open(path)
	check(t, err)
	defer s.Close()
	recall := func(since time.Time, want ...usage.Sighting) {
		t.Helper()
		got, err := s.Recall(ctx, since)
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	recall(t0, cart, old)
	recall(t0.Add(time.Minute), cart)

	later := seen("pod shop/new", t0.Add(store.SightingsKept+time.Minute))
	check(t, s.Remember(ctx, []usage.Sighting{later}))
	recall(time.Time{}, cart, later)
}

func TestStateThatCannotBeReadIsNotAnEmptyMemory(t *testing.T) {
	s := open(t)
	check(t, s.Close())
	if got, err := s.Recall(t.Context(), t0); err == nil {
		t.Errorf("recalled %v from a closed state", got)
	}
	if err := s.Remember(t.Context(), []usage.Sighting{{Source: "a", Image: "b", What: "c", Seen: t0}}); err == nil {
		t.Error("remembered in a closed state")
	}
}
