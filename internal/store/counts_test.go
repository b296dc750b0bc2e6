package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/store"
)

func TestCountsAreRememberedPerRegistryUntilAPlanIsApplied(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	check(t, err)
	check(t, s.RecordCounts(ctx, "a", "plan-1", t0, []store.Matched{{"keep v*", 120, 120}, {"keep old", 4, 4}}))
	check(t, s.RecordCounts(ctx, "b", "plan-1", t0, []store.Matched{{"keep v*", 7, 7}}))
	// The next plan found far fewer, and warned.
	check(t, s.RecordCounts(ctx, "a", "plan-2", t0.Add(time.Hour), []store.Matched{{"keep v*", 120, 3}}))
	check(t, s.Close())
	s, err = store.Open(path)
	check(t, err)
	defer s.Close()
	expect := func(registry string, want map[string]int) {
		t.Helper()
		got, err := s.Counts(ctx, registry)
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	expect("a", map[string]int{"keep v*": 120, "keep old": 4})
	check(t, s.AcceptCounts(ctx, "plan-1")) // of which nothing is left to agree to here
	expect("a", map[string]int{"keep v*": 120, "keep old": 4})
	check(t, s.AcceptCounts(ctx, "plan-2"))
	expect("a", map[string]int{"keep v*": 3, "keep old": 4})
	expect("b", map[string]int{"keep v*": 7})
	expect("nowhere", map[string]int{})

	check(t, s.RecordCounts(ctx, "a", "plan-3", t0.Add(store.CountsKept+time.Minute), []store.Matched{{"keep new", 1, 1}}))
	expect("a", map[string]int{"keep v*": 3, "keep new": 1})
}

func TestCountsOfAStateThatCannotBeReadAreAnError(t *testing.T) {
	s := open(t)
	check(t, s.Close())
	if got, err := s.Counts(t.Context(), "a"); err == nil {
		t.Errorf("%v from a closed state", got)
	}
	if err := s.RecordCounts(t.Context(), "a", "p", t0, []store.Matched{{"c", 1, 1}}); err == nil {
		t.Error("recorded in a closed state")
	}
}
