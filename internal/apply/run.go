package apply

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// executor is one run.
type executor struct {
	*Request
	id    string
	state journal.State // before this process did anything

	// holdings are the holding repositories by registry, name and time.
	holdings sync.Map

	mu       sync.Mutex
	outcomes map[int]journal.Outcome
}

// Run carries out a plan. The error says that the plan was refused as a whole
// (one of the Err values; nothing was done), or that the journal or archive
// failed, in which case the result tells what was done until then. What became
// of single steps is in the result, not in the error.
//
// A context that is cancelled lets the steps in hand finish; the rest is left
// for a resume.
func Run(ctx context.Context, req Request) (Result, error) {
	fillIn(&req)
	if err := check(&req); err != nil {
		return Result{}, err
	}
	for _, key := range lockKeys(req.Plan) {
		release, err := req.Locks.Lock(key)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", key, err)
		}
		defer release()
	}
	e := &executor{Request: &req, outcomes: map[int]journal.Outcome{}}
	if err := e.begin(ctx); err != nil {
		return Result{}, err
	}
	runErr := e.repositories(ctx)
	result := Result{RunID: e.id, Interrupted: ctx.Err() != nil && len(e.outcomes) < len(req.Plan.Steps)}
	for _, o := range e.outcomes {
		result.Outcomes = append(result.Outcomes, o)
	}
	slices.SortFunc(result.Outcomes, func(a, b journal.Outcome) int { return cmp.Compare(a.Seq, b.Seq) })

	if !result.Interrupted && runErr == nil {
		runErr = e.conclude(ctx, &result)
	}
	status := journal.Completed
	switch {
	case runErr != nil:
		status = journal.Aborted
	case result.Interrupted:
		status = journal.Interrupted
	}
	// The run has ended whether or not somebody waits for it.
	return result, errors.Join(runErr, req.Journal.Finish(context.WithoutCancel(ctx), e.id, status, req.Now()))
}

// conclude verifies what had to stay. A verification that was interrupted says
// nothing; the resumed run makes it again.
func (e *executor) conclude(ctx context.Context, result *Result) error {
	seen, err := e.verify(ctx)
	if ctx.Err() != nil {
		result.Interrupted = true
		return nil
	}
	result.Verifications = seen
	for _, v := range seen {
		result.Damaged = result.Damaged || !v.OK
	}
	if result.Damaged && e.Plan.Header.Kind == "remove" {
		result.Undo = "regkeep undo " + e.id
	}
	return err
}

func fillIn(req *Request) {
	if req.Now == nil {
		req.Now = time.Now
	}
	if req.Sleep == nil {
		req.Sleep = sleep
	}
	req.MaxAge = cmp.Or(req.MaxAge, defaultMaxAge)
	req.Verify = cmp.Or(req.Verify, VerifyManifests)
	req.Repositories = cmp.Or(req.Repositories, 4)
	req.Lookups = cmp.Or(req.Lookups, 8)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// begin starts a run, or finds out where the one to be resumed stands.
func (e *executor) begin(ctx context.Context) error {
	header := &e.Plan.Header
	if e.Resume != nil {
		if e.Resume.PlanHash != e.Plan.Summary.Hash || e.Resume.PlanID != header.ID {
			return fmt.Errorf("%w: run %s carried out plan %s, not plan %s", ErrPlan, e.Resume.ID, e.Resume.PlanID, header.ID)
		}
		e.id = e.Resume.ID
		state, err := e.Journal.Replay(ctx, e.id)
		e.state = state
		return err
	}
	e.state = journal.Replay(nil)
	now := e.Now()
	e.id = runID(now)
	run := journal.Run{
		ID: e.id, PlanID: header.ID, PlanHash: e.Plan.Summary.Hash, Kind: header.Kind,
		Undoes: header.Run, Tool: e.Tool, Archive: e.Place, Started: now, Status: journal.Running,
	}
	for _, info := range header.Registries {
		run.Registries = append(run.Registries, info.Name)
	}
	return e.Journal.Begin(ctx, run, e.Text)
}

// runID sorts by time and is easy to tell apart by its end.
func runID(now time.Time) string {
	var random [4]byte
	rand.Read(random[:])
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
}

// repositories works on each repository of the plan, several at once. It
// returns an error only when the journal or the archive failed.
func (e *executor) repositories(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.Repositories)
	for _, r := range e.split() {
		group.Go(func() error { return r.run(ctx) })
	}
	return group.Wait()
}

// split groups the steps by repository, each group in the order of the plan.
func (e *executor) split() []*repository {
	var all []*repository
	byName := map[[2]string]*repository{}
	for _, s := range e.Plan.Steps {
		key := [2]string{s.Registry, s.Repository}
		r := byName[key]
		if r == nil {
			r = newRepository(e, s.Registry, s.Repository)
			byName[key] = r
			all = append(all, r)
		}
		r.steps = append(r.steps, s)
	}
	return all
}

// report records an outcome and tells it.
func (e *executor) report(ctx context.Context, s plan.Step, status journal.Status, why string) error {
	o := journal.Outcome{
		Run: e.id, Seq: s.Seq, Registry: s.Registry, Repository: s.Repository, Tag: s.Tag, Digest: s.Digest,
		Action: s.Action, Status: status, Error: why, At: e.Now(),
	}
	err := e.Journal.Record(context.WithoutCancel(ctx), o)
	if err != nil {
		err = fmt.Errorf("step %d is %s, which could not be written down: %w", s.Seq, status, err)
	}
	e.tell(o)
	return err
}

// tell keeps an outcome for the result and hands it on.
func (e *executor) tell(o journal.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outcomes[o.Seq] = o
	if e.Outcome != nil {
		e.Outcome(o)
	}
	e.Events.Emit(event.StepFinished{
		Seq: o.Seq, Of: len(e.Plan.Steps), Registry: o.Registry, Repository: o.Repository, Tag: o.Tag, Status: string(o.Status),
	})
}
