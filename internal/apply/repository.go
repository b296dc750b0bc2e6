package apply

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// repository is the work on one repository, layer by layer.
type repository struct {
	*executor
	picture
	registry string
	name     string
	reader   registry.Reader
	mutator  mutate.Mutator
	hand     *hand
	steps    []plan.Step
	state    journal.State         // of the steps, before this process did anything
	planned  map[string]oci.Digest // tags as the plan saw them, where that saves reading
	stay     []string              // tags that no step takes away
	along    along

	relisting sync.Mutex // one listing at a time, and nobody passes it
	learning  sync.Mutex // capabilities are written down one after the other
	supplies  supplies   // blobs that were put back, or found there
}

func newRepository(e *executor, from *plan.Repository) *repository {
	given := e.Registries[from.Registry]
	r := &repository{
		executor: e, picture: newPicture(), registry: from.Registry, name: from.Repository, steps: from.Steps,
		reader: given.Reader, mutator: given.Mutator, hand: e.hands[from.Registry], state: journal.Replay(nil),
	}
	r.can = r.info().Capabilities
	if r.components() {
		r.planned = make(map[string]oci.Digest, len(from.Verdicts))
		for i := range from.Verdicts {
			r.planned[from.Verdicts[i].Tag] = from.Verdicts[i].Digest
		}
	}
	return r
}

// run carries out the steps. It returns an error only when the run as a whole
// cannot go on; what became of the steps is reported as it happens.
func (r *repository) run(ctx context.Context) error {
	if r.Resume != nil {
		state, err := r.Journal.Between(ctx, r.id, r.steps[0].Seq, r.steps[len(r.steps)-1].Seq)
		if err != nil {
			return &fatalError{err}
		}
		r.state = state
		if slices.ContainsFunc(r.steps, func(s plan.Step) bool { return state.Acted[s.Seq] }) {
			r.touch(r)
		}
	}
	var open []plan.Step
	for _, s := range r.steps {
		if earlier, final := r.state.Final(s.Seq); final {
			r.tell(s, earlier)
			continue
		}
		open = append(open, s)
	}
	if len(open) == 0 || ctx.Err() != nil {
		return nil
	}
	if r.header.Kind == "remove" {
		if err := r.prepare(ctx, open); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
				return fatal
			}
			r.stop(err.Error())
		}
	}
	return r.work(ctx, open)
}

// work takes the steps in their order, layer by layer. An attachment whose
// subject is still to go is put off until the subject has gone, and so is what
// needs something that is still to come back; where that leads in a circle,
// steps go one by one and nobody waits.
func (r *repository) work(ctx context.Context, open []plan.Step) error {
	for last := len(open) + 1; len(open) > 0; {
		stuck := len(open) == last
		last = len(open)
		r.expect(open)
		layers := r.layers(open)
		if stuck {
			layers = slices.Collect(slices.Chunk(open, 1))
			r.expect(nil)
		}
		var later []plan.Step
		for _, layer := range layers {
			postponed, err := r.sideBySide(ctx, layer)
			if err != nil || ctx.Err() != nil {
				return err
			}
			later = append(later, postponed...)
		}
		slices.SortFunc(later, func(a, b plan.Step) int { return cmp.Compare(a.Seq, b.Seq) })
		open = later
	}
	return nil
}

// sideBySide carries out steps that are independent of each other and returns
// those that are to come later. When ctx ends, the steps in hand are finished.
func (r *repository) sideBySide(ctx context.Context, layer []plan.Step) ([]plan.Step, error) {
	var mu sync.Mutex
	var postponed []plan.Step
	work, _ := r.hand.steps.Group(ctx)
	turns := newTurns(len(layer))
	for i, s := range layer {
		if i%recallAtOnce == 0 {
			r.recall(ctx, layer[i:min(i+recallAtOnce, len(layer))])
		}
		one := func() error {
			defer r.hand.put()
			later, err := r.one(ctx, s, turns, i)
			if later {
				mu.Lock()
				defer mu.Unlock()
				postponed = append(postponed, s)
			}
			return err
		}
		if r.hand.take(ctx) != nil || r.broken() != nil {
			r.hand.put()
			break
		}
		if r.unproven(s) {
			if err := one(); err != nil {
				return nil, errors.Join(err, work.Wait())
			}
			continue
		}
		work.Do(one)
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return postponed, r.settleWaiting(ctx)
}

// one carries out one step and writes down what came of it, or says that it
// comes later.
func (r *repository) one(ctx context.Context, s plan.Step, turns *turns, i int) (later bool, err error) {
	defer turns.have(i)
	status, why, err := r.step(ctx, s, turns, i)
	r.used(s.Digest)
	if err == nil && (status == postponed || status == unlisted) {
		return status == postponed, nil
	}
	return false, r.ended(ctx, s, status, why, err)
}

// ended writes down what came of a step.
func (r *repository) ended(ctx context.Context, s plan.Step, status journal.Status, why string, err error) error {
	if err == nil {
		if !status.Succeeded() {
			r.guardStep(ctx, s, status)
		}
		err = r.report(ctx, s, status, why)
		r.finished(s)
	}
	if err != nil {
		r.breakDown(err)
		return &fatalError{err}
	}
	return nil
}

// postponed is not an outcome: the step comes later.
const postponed journal.Status = "postponed"

// step carries out one step. Whoever waits for the run may stop waiting; the
// step itself is finished.
func (r *repository) step(ctx context.Context, s plan.Step, turns *turns, i int) (status journal.Status, why string, err error) {
	if why := r.halted(); why != "" {
		return journal.Refused, why, nil
	}
	work := context.WithoutCancel(ctx)
	a := &attempt{repository: r, Step: s, waiting: ctx, turns: turns, place: i}
	_, a.resumed = r.state.Open[s.Seq]
	a.intended, a.unclear = a.resumed, r.state.Acted[s.Seq]
	defer func() {
		if status != unlisted { // then it is in the hands of whoever lists the tags
			r.stopWhere(a.halt)
		}
	}()
	return a.take(work)
}

// pending says whether a step to come deletes a digest, or puts it back.
func (a *attempt) pending(digest oci.Digest) bool { return digest != a.Digest && a.isDue(digest) }

// fatalError stops the whole run: what is done can no longer be written down.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
