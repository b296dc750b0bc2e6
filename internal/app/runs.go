package app

import (
	"context"
	"errors"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/store"
)

// RunReport is what one run did and what can still be undone of it.
type RunReport struct {
	Run      journal.Run
	Steps    int // of the plan; 0 where it cannot be read
	Outcomes []journal.Outcome
	// Left are steps without a final outcome: a resume goes on with them.
	Left int
	// UndoneBy lists the runs that put back what this one removed.
	UndoneBy []string
	// Undoable counts the steps that were done, by how far they can be undone
	// now; Undo says it step by step.
	Undoable map[plan.Reversal]int
	Undo     map[int]plan.Reversal
	Archive  ArchiveState
	// Bytes that the plan expected to become free, at most, if every step was
	// done; BytesKnown is false where it could not tell.
	Bytes      int64
	BytesExact bool
	BytesKnown bool
}

// Count counts outcomes of a status.
func (r RunReport) Count(status journal.Status) int {
	n := 0
	for _, outcome := range r.Outcomes {
		if outcome.Status == status {
			n++
		}
	}
	return n
}

// Runs lists all runs, the latest first.
func (a *App) Runs(ctx context.Context) ([]RunReport, error) {
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
		report, err := a.report(ctx, state, run)
		if err != nil {
			return nil, err
		}
		report.UndoneBy = undone[run.ID]
		reports = append(reports, report)
	}
	return reports, nil
}

// Run reports one run.
func (a *App) Run(ctx context.Context, id string) (RunReport, error) {
	reports, err := a.Runs(ctx)
	if err != nil {
		return RunReport{}, err
	}
	for _, report := range reports {
		if report.Run.ID == id {
			return report, nil
		}
	}
	return RunReport{}, misuse("there is no run %s; `regkeep runs` lists them", id)
}

func (a *App) report(ctx context.Context, state *store.Store, run journal.Run) (RunReport, error) {
	report := RunReport{Run: run}
	replayed, err := state.Replay(ctx, run.ID)
	if err != nil {
		return report, err
	}
	report.Outcomes = replayed.Outcomes()
	p, err := planOf(ctx, state, run.ID)
	if errors.Is(err, store.ErrNoRun) || KindOf(err) == Refused || KindOf(err) == Usage {
		return report, nil // a plan of another version; the outcomes still tell
	}
	if err != nil {
		return report, err
	}
	report.Steps, report.Undoable, report.Undo = p.Summary.Steps, map[plan.Reversal]int{}, map[int]plan.Reversal{}
	report.Bytes, report.BytesExact = p.Summary.BytesFreed, p.Summary.BytesExact
	report.BytesKnown = !p.Summary.BytesUnknown && run.Kind == "remove"
	can, err := a.reversals(ctx, state, run, &p.Header)
	if err != nil {
		return report, err
	}
	report.Archive = can.archive
	for repo, err := range p.Steps() {
		if err != nil {
			return report, err
		}
		for _, step := range repo.Steps {
			if _, final := replayed.Final(step.Seq); !final {
				report.Left++
			}
			if last := replayed.Last[step.Seq]; run.Kind == "remove" && last.Status == journal.Done {
				how := can.of(&step, last)
				report.Undo[step.Seq] = how
				report.Undoable[how]++
			}
			if !replayed.Last[step.Seq].Status.Succeeded() {
				report.BytesExact = false
			}
		}
	}
	return report, nil
}
