package apply

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// repository is the work on one repository, step by step.
type repository struct {
	*executor
	registry string
	name     string
	reader   registry.Reader
	mutator  mutate.Mutator
	steps    []plan.Step

	can      registry.Capabilities
	tags     map[string]oci.Descriptor // as last seen; without those that went
	surveyed time.Time
	// guarded are digests that must stay, with the reason: something that stays
	// leads to them.
	guarded map[oci.Digest]guardian
	// kept are manifests that were archived before their step.
	kept map[int]oci.RawManifest
	// gone are digests that this process saw go.
	gone map[oci.Digest]bool
	// stopped says why nothing more is tried here.
	stopped string
	// impatient: the registry said "accepted" and did nothing, so waiting for
	// it to catch up is over.
	impatient bool
	// overwrites: the placeholder way was seen to work here.
	overwrites bool
}

func newRepository(e *executor, registryName, name string) *repository {
	given := e.Registries[registryName]
	r := &repository{
		executor: e, registry: registryName, name: name, reader: given.Reader, mutator: given.Mutator,
		guarded: map[oci.Digest]guardian{}, gone: map[oci.Digest]bool{}, kept: map[int]oci.RawManifest{},
	}
	r.can = r.info().Capabilities
	return r
}

// run carries out the steps. It returns an error only when the run as a whole
// cannot go on; what became of the steps is reported as it happens.
func (r *repository) run(ctx context.Context) error {
	var open []plan.Step
	for _, s := range r.steps {
		if earlier, final := r.state.Final(s.Seq); final {
			r.tell(earlier)
			continue
		}
		open = append(open, s)
	}
	if len(open) == 0 || ctx.Err() != nil {
		return nil
	}
	if r.Plan.Header.Kind == "remove" {
		if err := r.prepare(ctx, open); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
				return fatal
			}
			r.stopped = err.Error()
		}
	}
	return r.work(ctx, open)
}

// work takes the steps in order. An attachment whose subject is still to go is
// put off until the subject has gone.
func (r *repository) work(ctx context.Context, open []plan.Step) error {
	for last := len(open) + 1; len(open) > 0; {
		stuck := len(open) == last
		last = len(open)
		var later []plan.Step
		for i, s := range open {
			if ctx.Err() != nil {
				return nil
			}
			status, why, err := r.step(ctx, s, func(digest oci.Digest) bool {
				deletes := func(s plan.Step) bool { return s.Action == plan.DeleteManifest && s.Digest == digest }
				return !stuck && (slices.ContainsFunc(later, deletes) || slices.ContainsFunc(open[i+1:], deletes))
			})
			if err != nil {
				return &fatalError{err}
			}
			if status == postponed {
				later = append(later, s)
				continue
			}
			if !status.Succeeded() {
				r.guardStep(ctx, s, status)
			}
			if err := r.report(ctx, s, status, why); err != nil {
				return &fatalError{err}
			}
		}
		open = later
	}
	return nil
}

// postponed is not an outcome: the step comes later.
const postponed journal.Status = "postponed"

// step carries out one step. Whoever waits for the run may stop waiting; the
// step itself is finished.
func (r *repository) step(ctx context.Context, s plan.Step, pending func(oci.Digest) bool) (journal.Status, string, error) {
	if r.stopped != "" {
		return journal.Refused, r.stopped, nil
	}
	work := context.WithoutCancel(ctx)
	a := &attempt{repository: r, Step: s, waiting: ctx, pending: pending}
	_, a.intended = r.state.Open[s.Seq]
	switch s.Action {
	case plan.DeleteManifest:
		if err := r.refresh(work); err != nil {
			r.stopped = err.Error()
			return journal.Refused, r.stopped, nil
		}
		return a.deleteManifest(work)
	case plan.Untag, plan.OverwriteTag, plan.DeleteComponent:
		return a.removeTag(work)
	case plan.PutManifest:
		return a.putManifest(work)
	default:
		return a.putTag(work)
	}
}

// fatalError stops the whole run: what is done can no longer be written down.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
