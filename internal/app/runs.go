package app

import (
	"context"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/store"
)

// RunReport is what one run did and what can still be undone of it, in numbers.
type RunReport struct {
	Run   journal.Run
	Steps int // of the plan; 0 where it cannot be read
	// Counts are the steps that have an outcome, by the last one.
	Counts map[journal.Status]int
	// Left are steps without a final outcome: a resume goes on with them.
	Left int
	// Tags are those that the run took away, or put back.
	Tags RunTags
	// UndoneBy lists the runs that put back what this one removed.
	UndoneBy []string
	// Undoable counts the steps that were done, by how far they can be undone
	// now; of those with plan.UndoFull, Held rest on quarantine alone.
	Undoable map[plan.Reversal]int
	Held     Held
	Archive  ArchiveState
	// Bytes that the plan expected to become free, at most, if every step was
	// done; BytesKnown is false where it could not tell.
	Bytes      int64
	BytesExact bool
	BytesKnown bool
}

// RunTags are root tags, not those of attachments: how many, and the first of
// them by name, as REPOSITORY:TAG.
type RunTags struct {
	N     int
	First []string
}

// mostRunTags is how many tags a report names.
const mostRunTags = 4

// Held is what can be undone because it is in quarantine and nowhere else: how
// many steps, how many tags went with them, and when the quarantine of the first
// and of the last ends.
type Held struct {
	Steps, Tags int
	From, Until time.Time
}

// RunStep is one step with what came of it.
type RunStep struct {
	plan.Step
	// Outcome is the last one; it has no status where there is none yet.
	Outcome journal.Outcome
	// Final: a resume leaves the step alone.
	Final bool
	// Undo is how far it can be undone now; "" where there is nothing to undo.
	// Where that rests on quarantine alone, UndoEnds with it.
	Undo     plan.Reversal
	UndoEnds time.Time
	// QuarantineEnds is when the quarantine of what went ends, or ended; zero:
	// there is none.
	QuarantineEnds time.Time
}

// Went are the root tags that the step took away, or put back.
func (s *RunStep) Went() []string {
	if s.Outcome.Status != journal.Done || s.Why == "attachment" {
		return nil
	}
	if s.Tag != "" {
		return append([]string{s.Tag}, s.Takes...)
	}
	return s.Takes
}

// Runs lists all runs, the latest first.
func (a *App) Runs(ctx context.Context) ([]RunReport, error) {
	return a.reports(ctx, func(journal.Run) bool { return true })
}

// Run reports one run.
func (a *App) Run(ctx context.Context, id string) (RunReport, error) {
	reports, err := a.reports(ctx, func(run journal.Run) bool { return run.ID == id })
	if err != nil {
		return RunReport{}, err
	}
	if len(reports) == 0 {
		return RunReport{}, misuse("there is no run %s; `regkeep runs` lists them", id)
	}
	return reports[0], nil
}

func (a *App) reports(ctx context.Context, wanted func(journal.Run) bool) ([]RunReport, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	runs, err := state.Runs(ctx)
	if err != nil {
		return nil, err
	}
	undone := map[string][]string{}
	for _, run := range runs {
		if run.Undoes != "" {
			undone[run.Undoes] = append(undone[run.Undoes], run.ID)
		}
	}
	var reports []RunReport
	for _, run := range runs {
		if !wanted(run) {
			continue
		}
		report, err := a.report(ctx, state, run)
		if err != nil {
			return nil, err
		}
		report.UndoneBy = undone[run.ID]
		reports = append(reports, report)
	}
	return reports, nil
}

func (a *App) report(ctx context.Context, state *store.Store, run journal.Run) (RunReport, error) {
	report := RunReport{Run: run, Counts: map[journal.Status]int{}, Undoable: map[plan.Reversal]int{}}
	past, err := a.past(ctx, state, run)
	if err != nil {
		return report, err
	}
	if p := past.plan; p != nil {
		report.Steps, report.Archive = p.Summary.Steps, past.can.archive
		report.Bytes, report.BytesExact = p.Summary.BytesFreed, p.Summary.BytesExact
		report.BytesKnown = !p.Summary.BytesUnknown && run.Kind == "remove"
	}
	for steps, err := range past.steps(ctx) {
		if err != nil {
			return report, err
		}
		for i := range steps {
			report.add(&steps[i])
		}
	}
	return report, nil
}

func (r *RunReport) add(step *RunStep) {
	status := step.Outcome.Status
	if status != "" {
		r.Counts[status]++
	}
	if !step.Final {
		r.Left++
	}
	if !status.Succeeded() {
		r.BytesExact = false
	}
	went := step.Went()
	for _, tag := range went {
		r.Tags.add(step.Repository + ":" + tag)
	}
	if step.Undo == "" {
		return
	}
	r.Undoable[step.Undo]++
	if !step.UndoEnds.IsZero() {
		r.Held.add(len(went), step.UndoEnds)
	}
}

func (t *RunTags) add(name string) {
	t.N++
	at, _ := slices.BinarySearch(t.First, name)
	if at == mostRunTags {
		return
	}
	t.First = slices.Insert(t.First, at, name)
	t.First = t.First[:min(len(t.First), mostRunTags)]
}

func (h *Held) add(tags int, until time.Time) {
	h.Steps, h.Tags = h.Steps+1, h.Tags+tags
	if h.From.IsZero() || until.Before(h.From) {
		h.From = until
	}
	h.Until = slices.MaxFunc([]time.Time{h.Until, until}, time.Time.Compare)
}
