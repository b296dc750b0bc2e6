package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/store"
)

func TestTheLastCollectionIsRemembered(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if at, err := s.LastCollection(t.Context(), "a.example"); err != nil || !at.IsZero() {
		t.Errorf("never: %v, %v", at, err)
	}
	first := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{first.Add(time.Hour), first, first.Add(time.Hour)} {
		if err := s.Collected(t.Context(), "a.example", at); err != nil {
			t.Fatal(err)
		}
	}
	if at, err := s.LastCollection(t.Context(), "a.example"); err != nil || !at.Equal(first.Add(time.Hour)) {
		t.Errorf("last: %v, %v", at, err)
	}
	if at, err := s.LastCollection(t.Context(), "b.example"); err != nil || !at.IsZero() {
		t.Errorf("another registry: %v, %v", at, err)
	}
}
