package app

import (
	"context"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/store"
)

// ArchiveState says what is known of the archive of a run.
type ArchiveState string

// States of an archive. One in a registry is not looked into for a listing.
const (
	ArchiveNone    ArchiveState = ""
	ArchivePresent ArchiveState = "present"
	ArchiveMissing ArchiveState = "missing"
	ArchiveRemote  ArchiveState = "remote"
)

// reversals judges how far the steps of one run can be undone now.
type reversals struct {
	run     journal.Run
	now     time.Time
	archive ArchiveState
	kept    map[int]bool // steps that the archive has
	// collected is when regkeep last had a registry collect its garbage, by
	// registry name. What others did is not known.
	collected map[string]time.Time
}

func (a *App) reversals(ctx context.Context, state *store.Store, run journal.Run, header *plan.Header) (*reversals, error) {
	r := &reversals{run: run, now: a.opts.Clock(), collected: map[string]time.Time{}}
	for _, info := range header.Registries {
		at, err := state.LastCollection(ctx, info.URL)
		if err != nil {
			return nil, err
		}
		r.collected[info.Name] = at
	}
	place, err := archive.ParsePlace(run.Archive)
	switch {
	case run.Archive == "":
		return r, nil
	case err == nil && place.Scheme == "":
		r.archive = ArchiveRemote
		return r, nil
	}
	r.archive, r.kept = ArchiveMissing, map[int]bool{}
	from, err := a.openArchive(ctx, run.Archive, false)
	if err != nil {
		return r, nil // moved, or gone: the listing says so
	}
	defer from.close()
	for entry, err := range from.Entries(ctx, run.ID) {
		if err != nil {
			return r, nil // damaged is as good as gone
		}
		r.kept[entry.Seq] = true
	}
	r.archive = ArchivePresent
	return r, nil
}

// of says how far a step that was done can be undone, and where that rests on
// quarantine alone, until when. The plan's promise holds only as long as what
// it rests on is there.
func (r *reversals) of(step *plan.Step, done journal.Outcome) (plan.Reversal, time.Time) {
	ends := r.quarantineEnds(step)
	archived := r.archive == ArchiveRemote || r.kept[step.Seq]
	switch {
	case r.now.Before(ends) && !archived:
		return plan.UndoFull, ends
	case step.Undo == plan.UndoNone:
		return plan.UndoNone, time.Time{}
	case archived:
		return plan.UndoFull, time.Time{}
	case step.Undo == plan.UndoFull && r.archive == ArchiveNone && step.Quarantine == "", len(step.Siblings) > 0:
		return plan.UndoFull, time.Time{} // the image itself has stayed
	case r.collected[step.Registry].After(done.At):
		return plan.UndoNone, time.Time{}
	}
	return plan.UndoUntilGC, time.Time{}
}

// quarantineEnds is zero for a step that puts nothing there. The time counts
// from the beginning of the run, as the tags of the holding repository say.
func (r *reversals) quarantineEnds(step *plan.Step) time.Time {
	long, err := duration.Parse(step.For)
	if step.Quarantine == "" || err != nil {
		return time.Time{}
	}
	return long.After(r.run.Started)
}
