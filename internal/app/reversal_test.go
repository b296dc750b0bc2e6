package app

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// What a plan promised holds as long as what it rests on is there.
func TestHowFarAStepCanBeUndone(t *testing.T) {
	began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	done := journal.Outcome{Status: journal.Done, At: began.Add(time.Minute)}
	deleted := plan.Step{Seq: 1, Registry: "r", Action: plan.DeleteManifest, Undo: plan.UndoUntilGC}
	promised := deleted
	promised.Undo = plan.UndoFull
	untag := plan.Step{Seq: 1, Registry: "r", Action: plan.Untag, Siblings: []string{"v1"}, Undo: plan.UndoFull}
	held := promised
	held.Quarantine, held.For = "quarantine/app", "14d"
	never := deleted
	never.Undo = plan.UndoNone
	days := func(n int) time.Time { return began.AddDate(0, 0, n) }
	for name, c := range map[string]struct {
		step      plan.Step
		archive   ArchiveState
		kept      map[int]bool
		collected time.Time
		now       time.Time
		want      plan.Reversal
	}{
		"deleted":                                    {deleted, ArchiveNone, nil, time.Time{}, days(1), plan.UndoUntilGC},
		"collected before":                           {deleted, ArchiveNone, nil, days(-1), days(1), plan.UndoUntilGC},
		"collected since":                            {deleted, ArchiveNone, nil, days(1), days(2), plan.UndoNone},
		"in the archive, collected since":            {deleted, ArchivePresent, map[int]bool{1: true}, days(1), days(2), plan.UndoFull},
		"promised, and in the archive":               {promised, ArchivePresent, map[int]bool{1: true}, time.Time{}, days(2), plan.UndoFull},
		"promised, and not in the archive":           {promised, ArchivePresent, map[int]bool{2: true}, time.Time{}, days(2), plan.UndoUntilGC},
		"promised, and the archive is gone":          {promised, ArchiveMissing, map[int]bool{}, time.Time{}, days(2), plan.UndoUntilGC},
		"the archive is gone, collected since":       {promised, ArchiveMissing, map[int]bool{}, days(1), days(2), plan.UndoNone},
		"in another registry":                        {promised, ArchiveRemote, nil, days(1), days(2), plan.UndoFull},
		"only a tag went":                            {untag, ArchiveNone, nil, days(1), days(2), plan.UndoFull},
		"only a tag went, and the archive is gone":   {untag, ArchiveMissing, nil, days(1), days(2), plan.UndoFull},
		"in quarantine, collected since":             {held, ArchiveNone, nil, days(1), days(13), plan.UndoFull},
		"archived, in quarantine":                    {held, ArchivePresent, map[int]bool{1: true}, time.Time{}, days(13), plan.UndoFull},
		"the quarantine is over":                     {held, ArchiveNone, nil, time.Time{}, days(15), plan.UndoUntilGC},
		"the quarantine is over, and collected":      {held, ArchiveNone, nil, days(16), days(17), plan.UndoNone},
		"the quarantine is over, and it is archived": {held, ArchivePresent, map[int]bool{1: true}, days(16), days(17), plan.UndoFull},
		"never": {never, ArchiveNone, nil, time.Time{}, days(1), plan.UndoNone},
	} {
		r := &reversals{
			run: journal.Run{Started: began}, now: c.now, archive: c.archive, kept: c.kept, collected: map[string]time.Time{"r": c.collected},
		}
		got, ends := r.of(&c.step, done)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if rests := strings.HasPrefix(name, "in quarantine,"); rests != ends.Equal(days(14)) || !rests && !ends.IsZero() {
			t.Errorf("%s: ends %s", name, ends)
		}
	}
}
