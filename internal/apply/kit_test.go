package apply_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// rig is a world in a registry, a plan for it, and a state to carry it out.
type rig struct {
	registry *memory.Registry
	state    *applytest.State
	plan     *plan.Plan
	expected world.Expectation
	before   *world.State
	clock    *clock
	info     registry.Info
	// concurrency is 1 unless the test says otherwise, so that calls can be
	// counted on.
	concurrency int
}

// clock moves when somebody sleeps.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.slept = c.now.Add(d), c.slept+d
	return ctx.Err()
}

func newRig(t testing.TB, w *world.World, remove applytest.Remove, options memory.Options) *rig {
	t.Helper()
	r := &rig{concurrency: 1, registry: memory.Load(w, options), state: applytest.NewState(applytest.Failure{}), clock: &clock{now: w.Now.Add(time.Minute)}}
	describer, _ := registry.As[registry.Describer](r.registry.Reader())
	info, err := describer.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.info = info
	r.plan, r.expected = applytest.Plan(w, info, remove, w.Now)
	r.before = r.registry.State()
	return r
}

// request is the plan with nothing in its way.
func (r *rig) request() apply.Request {
	return apply.Request{
		Plan: applytest.InMemory{Plan: r.plan}, Journal: r.state, Locks: r.state, Memory: r.state, Archive: r.state,
		Now: r.clock.Now, Sleep: r.clock.Sleep,
		Registries: map[string]apply.Registry{r.info.Name: r.given(r.registry.Reader(), r.registry.Mutator())},
	}
}

func (r *rig) given(reader registry.Reader, mutator mutate.Mutator) apply.Registry {
	return apply.Registry{URL: r.info.URL, Reader: reader, Mutator: mutator, Concurrency: r.concurrency}
}

func (r *rig) apply(t testing.TB) applytest.Told {
	t.Helper()
	result, err := applytest.Run(t.Context(), r.request())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// resume continues the run that was stopped, or starts it where it never
// began.
func (r *rig) resume(t testing.TB) applytest.Told {
	t.Helper()
	r.state.Restart()
	req := r.request()
	for _, run := range r.state.Runs() {
		req.Resume = &run
	}
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	return result
}

// faulty puts faults between the run and the registry. A crash is the end of
// the state too.
func (r *rig) faulty(req *apply.Request, faults ...fault.Fault) *fault.Script {
	script := fault.New(faults...)
	script.OnCrash = r.state.Die
	req.Registries = map[string]apply.Registry{
		r.info.Name: r.given(script.Reader(r.registry.Reader()), script.Mutator(r.registry.Mutator())),
	}
	return script
}

func (r *rig) check(t testing.TB, what string, partial bool) {
	t.Helper()
	expected := r.expected
	expected.Partial = partial
	for _, problem := range world.Check(r.before, r.registry.State(), expected) {
		t.Errorf("%s: %s", what, problem)
	}
}

// statuses is "seq status" for each outcome that is not done.
func exceptions(result applytest.Told) string {
	var all []string
	for _, o := range result.Outcomes {
		if o.Status != journal.Done {
			all = append(all, fmt.Sprintf("%s %s%s %s (%s)", o.Action, o.Tag, o.Digest.Short()[:4], o.Status, o.Error))
		}
	}
	return strings.Join(all, "; ")
}

func allDone(t testing.TB, result applytest.Told) {
	t.Helper()
	if text := exceptions(result); text != "" {
		t.Errorf("not done: %s", text)
	}
	if result.Damaged {
		t.Errorf("damaged: %+v", result.Verifications)
	}
}

// company is a world with a bit of everything in it, small enough for tables:
// a shared digest, an index with a shared and a tagged child, a nested index,
// and attachments of attachments by subject and by tag.
func company(fallback bool) (*world.World, applytest.Remove) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	old, kept := r.Image(world.Image{}), r.Image(world.Image{})
	r.Tag("old", old)
	r.Tag("shared-old", kept)
	r.Tag("kept", kept)
	child, shared, tagged := r.Image(world.Image{}), r.Image(world.Image{}), r.Image(world.Image{})
	index := r.Index(world.Index{Children: []*world.Manifest{child, shared, tagged}})
	nested := r.Index(world.Index{Children: []*world.Manifest{index}})
	r.Tag("multi-old", nested)
	r.Tag("multi-old-alias", nested)
	r.Tag("child-kept", tagged)
	r.Tag("multi-kept", r.Index(world.Index{Children: []*world.Manifest{shared, r.Image(world.Image{})}}))
	sbom := r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: nested})
	r.Artifact(world.Artifact{Type: "application/vnd.example.sig", Subject: sbom})
	r.Artifact(world.Artifact{Type: "application/vnd.example.sig", Subject: kept})
	r.Cosign(old.Digest, "sig")
	r.Cosign(kept.Digest, "sig")
	if fallback {
		r.FallbackTags()
	}
	return w, applytest.Remove{"app": {"old", "shared-old", "multi-old", "multi-old-alias"}}
}

func digestOf(t testing.TB, r *rig, repository, tag string) oci.Digest {
	t.Helper()
	digest := r.registry.World().Repositories[repository].Tags[tag]
	if digest == "" {
		t.Fatalf("no tag %s", tag)
	}
	return digest
}

// outcome finds the outcome of the step on a tag, its own or one it takes.
func outcome(t testing.TB, r *rig, result applytest.Told, tag string) journal.Outcome {
	t.Helper()
	for _, s := range r.plan.Steps {
		if s.Tag == tag || slices.Contains(s.Takes, tag) {
			for _, o := range result.Outcomes {
				if o.Seq == s.Seq {
					return o
				}
			}
		}
	}
	t.Fatalf("no outcome for %s", tag)
	return journal.Outcome{}
}
