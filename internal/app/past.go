package app

import (
	"context"
	"errors"
	"iter"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/store"
)

// past is a run as plan and journal have it, read a repository at a time.
type past struct {
	run   journal.Run
	state *store.Store
	// plan is nil where it is of another version: the outcomes still tell.
	plan *plan.Stored
	can  *reversals
}

func (a *App) past(ctx context.Context, state *store.Store, run journal.Run) (*past, error) {
	p := &past{run: run, state: state}
	carriedOut, err := planOf(ctx, state, run.ID)
	if errors.Is(err, store.ErrNoRun) || KindOf(err) == Refused || KindOf(err) == Usage {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.plan = carriedOut
	p.can, err = a.reversals(ctx, state, run, &carriedOut.Header)
	return p, err
}

// RunSteps yields the steps of a run with what came of them, those of one
// repository after the other. An error ends it.
func (a *App) RunSteps(ctx context.Context, run journal.Run) iter.Seq2[[]RunStep, error] {
	return func(yield func([]RunStep, error) bool) {
		state, err := a.store()
		if err != nil {
			yield(nil, err)
			return
		}
		past, err := a.past(ctx, state, run)
		if err != nil {
			yield(nil, err)
			return
		}
		past.steps(ctx)(yield)
	}
}

func (p *past) steps(ctx context.Context) iter.Seq2[[]RunStep, error] {
	return func(yield func([]RunStep, error) bool) {
		if p.plan == nil {
			yield(p.outcomes(ctx))
			return
		}
		for repo, err := range p.plan.Steps() {
			if err != nil {
				yield(nil, err)
				return
			}
			if steps, err := p.repository(ctx, repo); !yield(steps, err) || err != nil {
				return
			}
		}
	}
}

// outcomes stand for steps where no plan tells more of them. Nothing is resumed
// without a plan.
func (p *past) outcomes(ctx context.Context) ([]RunStep, error) {
	replayed, err := p.state.Replay(ctx, p.run.ID)
	if err != nil {
		return nil, err
	}
	var steps []RunStep
	for _, o := range replayed.Outcomes() {
		step := plan.Step{Seq: o.Seq, Registry: o.Registry, Repository: o.Repository, Tag: o.Tag, Digest: o.Digest, Action: o.Action}
		steps = append(steps, RunStep{Step: step, Outcome: o, Final: true})
	}
	return steps, nil
}

func (p *past) repository(ctx context.Context, repo *plan.Repository) ([]RunStep, error) {
	replayed, err := p.state.Between(ctx, p.run.ID, repo.Steps[0].Seq, repo.Steps[len(repo.Steps)-1].Seq)
	if err != nil {
		return nil, err
	}
	steps := make([]RunStep, len(repo.Steps))
	for i, step := range repo.Steps {
		at := RunStep{Step: step, Outcome: replayed.Last[step.Seq]}
		_, at.Final = replayed.Final(step.Seq)
		if p.run.Kind == "remove" && at.Outcome.Status == journal.Done {
			at.Undo, at.UndoEnds = p.can.of(&step, at.Outcome)
			at.QuarantineEnds = p.can.quarantineEnds(&step)
		}
		steps[i] = at
	}
	return steps, nil
}
