package apply

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// mostSteps bounds the steps of the repositories that are worked on at once,
// so that memory follows the largest repository; a larger one goes alone.
const mostSteps = 1 << 15

// executor is one run.
type executor struct {
	*Request
	header  plan.Header
	summary plan.Summary
	id      string
	hands   map[string]*hand // by registry

	// holdings are the holding repositories by registry, name and time.
	holdings sync.Map

	mu      sync.Mutex
	counts  map[journal.Status]int
	told    int
	touched map[[2]string]bool // repositories that had an intent in this run
	failure error              // nothing can be written down any more
}

// Run carries out a plan. The error says that the plan was refused as a whole
// (one of the Err values; nothing was done), or that the journal or archive
// failed, in which case the result tells what was done until then. What became
// of single steps is told by Request.Outcome, not by the error.
//
// A context that is cancelled lets the steps finish that have written down their
// intent; the rest is left for a resume.
func Run(ctx context.Context, req Request) (Result, error) {
	fillIn(&req)
	if err := check(&req); err != nil {
		return Result{}, err
	}
	e := &executor{Request: &req, counts: map[journal.Status]int{}, touched: map[[2]string]bool{}}
	e.header, e.summary = req.Plan.Whole()
	e.hands = hands(&req, &e.header)
	defer func() {
		for _, h := range e.hands {
			h.close()
		}
	}()
	for _, key := range lockKeys(&e.header) {
		release, err := req.Locks.Lock(key)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", key, err)
		}
		defer release()
	}
	if err := e.begin(ctx); err != nil {
		return Result{}, err
	}
	runErr := e.repositories(ctx)
	result := Result{RunID: e.id, Steps: e.summary.Steps, Counts: e.counts, Interrupted: ctx.Err() != nil && e.told < e.summary.Steps}
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
// nothing more; the resumed run makes it again.
func (e *executor) conclude(ctx context.Context, result *Result) error {
	err := e.verify(ctx, func(v Verification) {
		result.Verified++
		switch {
		case v.Unseen:
			result.Unseen++
		case !v.OK:
			result.Broken++
			result.Damaged = true
		}
		if e.Verified != nil {
			e.Verified(v)
		}
		e.Events.Emit(event.Verified{Registry: v.Registry, Repository: v.Repository, Tag: v.Tag, OK: v.OK, Unseen: v.Unseen})
	})
	if ctx.Err() != nil {
		result.Interrupted = true
		return nil
	}
	if result.Damaged && e.header.Kind == "remove" {
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

// begin starts a run, or goes on with the one to be resumed.
func (e *executor) begin(ctx context.Context) error {
	header := &e.header
	if e.Resume != nil {
		if e.Resume.PlanHash != e.summary.Hash || e.Resume.PlanID != header.ID {
			return fmt.Errorf("%w: run %s carried out plan %s, not plan %s", ErrPlan, e.Resume.ID, e.Resume.PlanID, header.ID)
		}
		e.id = e.Resume.ID
		return nil
	}
	now := e.Now()
	e.id = runID(now)
	run := journal.Run{
		ID: e.id, PlanID: header.ID, PlanHash: e.summary.Hash, Kind: header.Kind,
		Undoes: header.Run, Tool: e.Tool, Archive: e.Place, Started: now, Status: journal.Running,
	}
	for _, info := range header.Registries {
		run.Registries = append(run.Registries, info.Name)
	}
	return e.Journal.Begin(ctx, run, e.Plan.Text)
}

// runID sorts by time and is easy to tell apart by its end.
func runID(now time.Time) string {
	var random [4]byte
	rand.Read(random[:])
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
}

// repositories works on the repositories of the plan side by side, as they are
// read. It returns an error only when the journal or the archive failed, or the
// plan could not be read on.
func (e *executor) repositories(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	bound := semaphore.NewWeighted(mostSteps)
	var unread error
	for repo, err := range e.Plan.Repositories() {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			unread = fmt.Errorf("plan %s cannot be read on, so nothing more is begun: %w", e.header.ID, err)
			break
		}
		r := newRepository(e, repo)
		// Where requests go one by one, so do repositories.
		weight := max(int64(len(r.steps)), mostSteps/int64(r.hand.most))
		weight = min(weight, mostSteps)
		if bound.Acquire(ctx, weight) != nil {
			break
		}
		group.Go(func() error {
			defer bound.Release(weight)
			return r.run(ctx)
		})
	}
	return errors.Join(group.Wait(), unread)
}

// touch notes that a repository had an intent, so that it is verified.
func (e *executor) touch(r *repository) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.touched[[2]string{r.registry, r.name}] = true
}

// breakDown notes that journal or archive failed: nothing more is begun.
func (e *executor) breakDown(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure == nil {
		e.failure = err
	}
}

func (e *executor) broken() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
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
	e.tell(s, o)
	return err
}

// tell counts an outcome and hands it on.
func (e *executor) tell(s plan.Step, o journal.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[o.Status]++
	e.told++
	if e.Outcome != nil {
		e.Outcome(s, o)
	}
	e.Events.Emit(event.StepFinished{
		Seq: o.Seq, Of: e.summary.Steps, Registry: o.Registry, Repository: o.Repository, Tag: o.Tag, Status: string(o.Status),
	})
}
