package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/store"
)

// What Apply returns, for callers that must not know the package that deletes.
type (
	Result       = apply.Result
	Verification = apply.Verification
	Level        = apply.Level
)

// Levels of verification.
const (
	VerifyTags      = apply.VerifyTags
	VerifyManifests = apply.VerifyManifests
	VerifyBlobs     = apply.VerifyBlobs
)

// ApplyRequest is a plan to be carried out, and what the user agreed to.
type ApplyRequest struct {
	Plan   *plan.Stored
	Verify Level // "" for the default
	// Archive is where whole images are kept before they go; "" for where the
	// run, the plan or the configuration says.
	Archive string
	// Resume continues a run of this plan.
	Resume *journal.Run
	// Outcome is called as outcomes happen, one at a time, and Verified after all
	// of them, by registry, repository and tag. Both may be nil.
	Outcome  func(plan.Step, journal.Outcome)
	Verified func(Verification)
}

// Apply carries out a plan. The result is meaningful where the error says that
// the run was partial, interrupted or damaged.
func (a *App) Apply(ctx context.Context, request ApplyRequest) (result Result, err error) {
	if err := a.fresh(request); err != nil {
		return Result{}, err
	}
	state, err := a.store()
	if err != nil {
		return Result{}, err
	}
	content, place, err := a.archiveFor(ctx, request)
	if err != nil {
		return Result{}, err
	}
	stack := archive.Stack{state}
	if content != nil {
		defer func() { err = errors.Join(err, content.close()) }()
		stack = append(stack, content)
	}
	steps := carry(request.Plan)
	session, err := a.reopenAll(ctx, request.Plan)
	if err != nil {
		return Result{}, err
	}
	defer session.close()
	registries := map[string]apply.Registry{}
	for _, o := range session.opened {
		mutator, err := o.mutator(ctx)
		if err != nil {
			return Result{}, err
		}
		given := apply.Registry{URL: o.info.URL, Reader: o.reader, Mutator: mutator, Concurrency: o.concurrency}
		if paced, ok := registry.As[interface{ Places() int }](o.reader); ok {
			given.Places = paced.Places
		}
		registries[o.info.Name] = given
	}
	result, err = apply.Run(ctx, apply.Request{
		Plan: steps, Registries: registries,
		Journal: state, Locks: state, Memory: state, Archive: stack, Place: place, Contents: state,
		Tool: a.opts.Tool, Now: func() time.Time { return a.opts.Clock().UTC() }, MaxAge: a.planMaxAge(),
		Verify: request.Verify, Events: a.opts.Events, Outcome: request.Outcome, Verified: request.Verified, Resume: request.Resume,
	})
	if err != nil && !result.Interrupted {
		return result, err
	}
	return result, resultKind(result)
}

// fresh refuses an old plan before anything is asked of a registry or a
// person.
func (a *App) fresh(request ApplyRequest) error {
	if request.Resume != nil || request.Plan.Summary.Steps == 0 {
		return nil
	}
	return a.CheckFresh(request.Plan)
}

// CheckFresh refuses a plan that is too old to be applied, or only a rehearsal.
func (a *App) CheckFresh(p *plan.Stored) error {
	if p.Header.Kind == Rehearsal {
		return &Failure{
			Kind: Refused, Err: errors.New("the plan is a rehearsal on a saved inventory and cannot be applied"),
			Next: "Nothing was done; plan from the registry with `regkeep plan TARGET`",
		}
	}
	if now := a.opts.Clock(); now.After(p.Header.Expires) {
		return &Failure{
			Kind: Refused,
			Err:  fmt.Errorf("%w: plan %s was made %s and expired %s", apply.ErrStale, p.Header.ID, p.Header.Created.Format(time.RFC3339), p.Header.Expires.Format(time.RFC3339)),
			Next: "Nothing was done; plan again (plan_max_age in the configuration says how old a plan may be)",
		}
	}
	return nil
}

// resultKind says what a run means for the exit code.
func resultKind(result Result) error {
	switch {
	case result.Damaged:
		return &Failure{Kind: Damaged, Err: errors.New("something that had to stay is not whole any more"), Next: result.Undo}
	case result.Interrupted:
		return &Failure{Kind: Interrupted, Err: errors.New("stopped"), Next: "regkeep apply --resume " + result.RunID}
	case result.Unseen > 0:
		return &Failure{
			Kind: Partial, Err: fmt.Errorf("%d of %d images that had to stay could not be looked at: whether they are whole is not known", result.Unseen, result.Verified),
			Next: "Look again: regkeep apply --resume " + result.RunID,
		}
	case result.Open() > 0:
		return &Failure{Kind: Partial, Err: fmt.Errorf("%d of %d steps were not done", result.Open(), result.Steps)}
	default:
		return nil
	}
}

// Resumable finds the plan of a run that is to be continued.
func (a *App) Resumable(ctx context.Context, id string) (ApplyRequest, error) {
	state, err := a.store()
	if err != nil {
		return ApplyRequest{}, err
	}
	run, err := state.Run(ctx, id)
	if errors.Is(err, store.ErrNoRun) {
		return ApplyRequest{}, &Failure{Kind: Usage, Err: err}
	}
	if err != nil {
		return ApplyRequest{}, err
	}
	p, err := planOf(ctx, state, id)
	if err != nil {
		return ApplyRequest{}, err
	}
	return ApplyRequest{Plan: p, Resume: &run}, nil
}

// planOf is the plan of a run as the state keeps it.
func planOf(ctx context.Context, state *store.Store, run string) (*plan.Stored, error) {
	return openPlan("the plan of run "+run, func() (io.ReadCloser, error) {
		return state.PlanText(ctx, run)
	})
}
