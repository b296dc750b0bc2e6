package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/store"
)

// Writes that come at the same time share transactions; each of them, once it
// has returned, is there for everybody who opens the file.
func TestWhatReturnedIsOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	check(t, err)
	defer s.Close()
	check(t, s.Begin(t.Context(), journal.Run{ID: "r1", Started: t0}, nil))
	other, err := store.Open(path)
	check(t, err)
	defer other.Close()
	var writers sync.WaitGroup
	for seq := 1; seq <= 60; seq++ {
		writers.Go(func() {
			body := fmt.Appendf(nil, "%d", seq)
			raw := oci.RawManifest{Digest: oci.FromBytes(body), Body: body}
			if err := s.Keep(t.Context(), archive.Entry{Run: "r1", Seq: seq, Manifest: raw, At: t0}, nil); err != nil {
				t.Error(err)
			}
			if _, err := other.Manifest(t.Context(), raw.Digest); err != nil {
				t.Errorf("manifest %d is not there: %v", seq, err)
			}
			if err := s.Intend(t.Context(), journal.Intent{Run: "r1", Seq: seq, Action: plan.DeleteManifest, At: t0}); err != nil {
				t.Error(err)
			}
			state, err := other.Between(t.Context(), "r1", seq, seq)
			if _, open := state.Open[seq]; err != nil || !open {
				t.Errorf("intent %d is not there: %v", seq, err)
			}
			if err := s.Record(t.Context(), journal.Outcome{Run: "r1", Seq: seq, Status: journal.Done, At: t0}); err != nil {
				t.Error(err)
			}
			state, err = other.Between(t.Context(), "r1", seq, seq)
			if state.Last[seq].Status != journal.Done || len(state.Last) != 1 || len(state.Open) > 0 || err != nil {
				t.Errorf("outcome %d is not there: %+v, %v", seq, state, err)
			}
		})
	}
	writers.Wait()
}

// Commits are synced: PRAGMA synchronous is FULL, with a write-ahead log.
func TestCommitsAreSynced(t *testing.T) {
	if mode, synced := open(t).Durability(t); mode != "wal" || synced != 2 {
		t.Errorf("journal mode %q, synchronous %d", mode, synced)
	}
}

// One write that cannot be made takes none of those along that were to share
// its transaction.
func TestABadWriteFailsAlone(t *testing.T) {
	s := open(t)
	check(t, s.Begin(t.Context(), journal.Run{ID: "r1", Started: t0}, nil))
	release := s.Hold(t)
	var writers sync.WaitGroup
	for seq := range 20 { // the first one waits for the file, the others for it
		run := "r1"
		if seq == 10 {
			run = "nobody's"
		}
		writers.Go(func() {
			err := s.Intend(t.Context(), journal.Intent{Run: run, Seq: seq, Action: plan.Untag, At: t0})
			if (err == nil) != (run == "r1") {
				t.Errorf("intent %d of run %s: %v", seq, run, err)
			}
		})
		s.AwaitQueue(seq)
	}
	release()
	writers.Wait()
	state, err := s.Replay(t.Context(), "r1")
	if len(state.Open) != 19 || err != nil {
		t.Errorf("%d intents of 19, %v", len(state.Open), err)
	}
}
