package app

import (
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// Only what the run itself took away counts, and of many tags the first ones by
// name are named, whatever the order of the plan.
func TestWhichTagsWent(t *testing.T) {
	done, gone := journal.Outcome{Status: journal.Done}, journal.Outcome{Status: journal.AlreadyGone}
	ends := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	report := RunReport{Counts: map[journal.Status]int{}, Undoable: map[plan.Reversal]int{}, Steps: 6}
	for _, step := range []RunStep{
		{Step: plan.Step{Repository: "app", Takes: []string{"e", "d"}}, Outcome: done, Undo: plan.UndoFull, UndoEnds: ends.AddDate(0, 0, 7)},
		{Step: plan.Step{Repository: "app", Takes: []string{"c", "b"}}, Outcome: done, Undo: plan.UndoFull, UndoEnds: ends},
		{Step: plan.Step{Repository: "app", Tag: "a"}, Outcome: done, Undo: plan.UndoFull},
		{Step: plan.Step{Repository: "app", Tag: "0"}, Outcome: gone},
		{Step: plan.Step{Repository: "app", Tag: "sha256-1.sig", Why: "attachment"}, Outcome: done, Undo: plan.UndoUntilGC},
		{Step: plan.Step{Repository: "app", Tag: "1"}},
	} {
		step.Final = step.Outcome.Status != ""
		report.add(&step)
	}
	if want := []string{"app:a", "app:b", "app:c", "app:d"}; report.Tags.N != 5 || !slices.Equal(report.Tags.First, want) {
		t.Errorf("%+v, want 5 with %v", report.Tags, want)
	}
	if want := (Held{Steps: 2, Tags: 4, From: ends, Until: ends.AddDate(0, 0, 7)}); report.Held != want {
		t.Errorf("held %+v, want %+v", report.Held, want)
	}
	if report.Left != 1 || report.Counts[journal.Done] != 4 || report.Undoable[plan.UndoFull] != 3 {
		t.Errorf("%+v", report)
	}
}
