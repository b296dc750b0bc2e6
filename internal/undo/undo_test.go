package undo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/undo"
)

// rig is a registry from which a run removed something.
type rig struct {
	registry *memory.Registry
	state    *applytest.State
	info     registry.Info
	plan     *plan.Plan
	before   *world.State
	now      time.Time
	run      journal.Run
}

func remove(t *testing.T, w *world.World, tags applytest.Remove, options memory.Options) *rig {
	t.Helper()
	r := &rig{registry: memory.Load(w, options), state: applytest.NewState(applytest.Failure{}), now: w.Now.Add(time.Minute)}
	describer, _ := registry.As[registry.Describer](r.registry.Reader())
	info, err := describer.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.info = info
	r.before = r.registry.State()
	r.plan, _ = applytest.Plan(w, info, tags, w.Now)
	result := r.apply(t, r.plan)
	for _, o := range result.Outcomes {
		if !o.Status.Succeeded() {
			t.Fatalf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
		}
	}
	for _, run := range r.state.Runs() {
		r.run = run
	}
	return r
}

func (r *rig) request(p *plan.Plan) apply.Request {
	return apply.Request{
		Plan: applytest.InMemory{Plan: p}, Journal: r.state, Locks: r.state, Memory: r.state, Archive: r.state,
		Now: func() time.Time { return r.now }, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Registries: map[string]apply.Registry{r.info.Name: {Reader: r.registry.Reader(), Mutator: r.registry.Mutator()}},
	}
}

func (r *rig) apply(t *testing.T, p *plan.Plan) applytest.Told {
	t.Helper()
	result, err := applytest.Run(t.Context(), r.request(p))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (r *rig) undoing(t *testing.T) undo.Request {
	t.Helper()
	state, err := r.state.Replay(t.Context(), r.run.ID)
	if err != nil {
		t.Fatal(err)
	}
	return undo.Request{
		ID: "undo", Run: r.run, Removed: applytest.Removed(r.plan, state, r.state.Archived(r.run.ID)), Registries: []registry.Info{r.info},
		Readers: map[string]registry.Reader{r.info.Name: r.registry.Reader()}, Now: r.now, Tool: "test",
	}
}

func build(t *testing.T, req undo.Request) *plan.Plan {
	t.Helper()
	p, err := applytest.Undo(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same checks that everything is there again, byte for byte, and nothing else.
func (r *rig) same(t *testing.T, what string) {
	t.Helper()
	for _, problem := range world.Check(r.before, r.registry.State(), world.Expectation{}) {
		t.Errorf("%s: %s", what, problem)
	}
}

var vendors = []memory.Options{
	{}, {KeepsTags: true, NoReferrers: true}, {NoReferrers: true}, {Cascade: true}, {Rich: true, Untagged: true, CountPulls: true},
}

// Whatever a run removed is back afterwards: same tags, same bytes. A second
// undo finds nothing to do.
func TestEverythingComesBack(t *testing.T) {
	for seed := range uint64(200) {
		options := vendors[seed%uint64(len(vendors))]
		w := world.FromSeed(seed, world.Options{Fallback: options.NoReferrers, Whole: true})
		tags := applytest.Remove{}
		for i, name := range w.Names() {
			for j, tag := range applytest.Roots(w.Repositories[name]) {
				if (seed+uint64(i+j))%3 > 0 {
					tags[name] = append(tags[name], tag)
				}
			}
		}
		r := remove(t, w, tags, options)
		p := build(t, r.undoing(t))
		if len(p.Blocked) > 0 {
			t.Fatalf("seed %d: blocked %+v", seed, p.Blocked)
		}
		result := r.apply(t, p)
		for _, o := range result.Outcomes {
			if o.Status != journal.Done {
				t.Errorf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
			}
		}
		if result.Damaged {
			t.Errorf("%+v", result.Verifications)
		}
		r.same(t, "after")
		if again := build(t, r.undoing(t)); len(again.Steps) > 0 {
			t.Errorf("undone twice: %+v", again.Steps)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, w)
		}
	}
}

// Without plan and journal, the archive alone is enough.
func TestTheArchiveAloneIsEnough(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	req := r.undoing(t)
	req.Removed = undo.FromArchive(r.state.Archived(r.run.ID))
	r.apply(t, build(t, req))
	r.same(t, "after")
}

var gone = applytest.Remove{"app": {"v1", "v1-alias", "multi"}}

func app() *world.World {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	v1 := r.Image(world.Image{})
	r.Tag("v1", v1)
	r.Tag("v1-alias", v1)
	r.Tag("v2", r.Image(world.Image{}))
	shared := r.Image(world.Image{})
	r.Tag("multi", r.Index(world.Index{Children: []*world.Manifest{shared, r.Image(world.Image{})}}))
	r.Tag("multi-kept", r.Index(world.Index{Children: []*world.Manifest{shared}}))
	sbom := r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: v1})
	r.Artifact(world.Artifact{Type: "application/vnd.example.sig", Subject: sbom})
	r.Cosign(v1.Digest, "sig")
	return w
}

func TestOrderOfSteps(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	p := build(t, r.undoing(t))
	var order []string
	for _, s := range p.Steps {
		order = append(order, fmt.Sprintf("%s %s", s.Action, s.Why))
	}
	want := []string{
		"put-manifest root", "put-manifest child", "put-manifest root", "put-tag root", "put-tag root", "put-tag root",
	}
	// v1 and the index come in the order of their digests, the child right
	// before its index.
	slices.Sort(order[:3])
	slices.Sort(want[:3])
	if !slices.Equal(order[:6], want) {
		t.Errorf("%v", order)
	}
	for _, step := range order[6:] {
		if !strings.HasSuffix(step, "attachment") {
			t.Errorf("after the tags: %s", step)
		}
	}
	if p.Header.Kind != "restore" || p.Header.Run != r.run.ID {
		t.Errorf("%+v", p.Header)
	}
}

// A tag that was pushed again meanwhile is somebody's: named, not taken.
func TestATagThatMovedIsLeftAlone(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["v1"] = w.Repository("app").Tags["v2"] })
	p := build(t, r.undoing(t))
	if len(p.Blocked) != 1 || p.Blocked[0].Code != undo.CodeMoved || p.Blocked[0].Tag != "v1" {
		t.Fatalf("%+v", p.Blocked)
	}
	r.apply(t, p)
	was := r.before.Repositories["app"].Tags["v1"]
	if got := r.registry.State().Repositories["app"].Tags; got["v1"] == was || got["v1-alias"] != was {
		t.Errorf("%v", got)
	}
	req := r.undoing(t)
	req.Overwrite = true
	taking := build(t, req)
	// Moved once more after the plan was made: still somebody's.
	third := r.registry.State().Repositories["app"].Tags["multi-kept"]
	r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["v1"] = third })
	if result := r.apply(t, taking); result.Outcomes[0].Status != journal.Changed {
		t.Errorf("%+v", result.Outcomes)
	}
	r.apply(t, build(t, req))
	r.same(t, "overwritten")
}

// Blobs that the registry collected are named with the manifest that needs
// them, and nothing that needs that manifest is tried.
func TestCollectedBlobsAreNamed(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	multi := r.before.Repositories["app"].Manifests[r.before.Repositories["app"].Tags["multi"]]
	child := r.before.Repositories["app"].Manifests[multi.Children[1].Digest]
	req := r.undoing(t)
	reader := fault.New(fault.Fault{Op: call.Blob, Reference: string(child.Layers[0]), Kind: fault.Refuse, Err: registry.ErrNotFound}).Reader(r.registry.Reader())
	req.Readers = map[string]registry.Reader{r.info.Name: reader}
	p := build(t, req)
	got := map[string]string{}
	for _, b := range p.Blocked {
		got[b.Code+" "+b.Tag] = string(b.Digest) + " " + strings.Join(b.By, ",")
	}
	want := map[string]string{
		undo.CodeMissingBlob + " ":          string(child.Digest) + " " + string(child.Layers[0]),
		undo.CodeMissingManifest + " ":      string(multi.Digest) + " " + string(child.Digest),
		undo.CodeMissingManifest + " multi": string(multi.Digest) + " " + string(multi.Digest),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	// Collected between plan and apply: apply names them too.
	late := build(t, r.undoing(t))
	areq := r.request(late)
	script := fault.New(fault.Fault{Op: call.Blob, Reference: string(child.Layers[0]), Kind: fault.Refuse, Err: registry.ErrNotFound})
	areq.Registries[r.info.Name] = apply.Registry{Reader: script.Reader(r.registry.Reader()), Mutator: r.registry.Mutator()}
	result, err := applytest.Run(t.Context(), areq)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Outcomes {
		if o.Digest == child.Digest && (o.Status != journal.Blocked || !strings.Contains(o.Error, string(child.Layers[0]))) {
			t.Errorf("%s (%s)", o.Status, o.Error)
		}
		if o.Digest == multi.Digest && o.Status != journal.Refused {
			t.Errorf("an index was sent without its child: %+v", o)
		}
	}
}

func TestOnly(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	req := r.undoing(t)
	req.Only = []oci.Reference{{Repository: "app", Tag: "v1"}}
	r.apply(t, build(t, req))
	got := r.registry.State().Repositories["app"]
	v1 := r.before.Repositories["app"].Tags["v1"]
	if got.Tags["v1"] != v1 || got.Tags["v1-alias"] != "" || got.Tags["multi"] != "" || got.Tags[oci.FallbackTag(v1)+".sig"] == "" {
		t.Errorf("%v", got.Tags)
	}
	if len(got.Referrers[v1]) != 1 || len(got.Referrers[got.Referrers[v1][0]]) != 1 {
		t.Errorf("attachments did not come along: %v", got.Referrers)
	}
	req.Only = []oci.Reference{{Repository: "app", Tag: "never-was"}}
	if _, err := applytest.Undo(t.Context(), req); !errors.Is(err, undo.ErrNothing) {
		t.Errorf("got %v", err)
	}
}

// resume goes on with the undo that p was applied by.
func (r *rig) resume(t *testing.T, p *plan.Plan) {
	t.Helper()
	req := r.request(p)
	for _, run := range r.state.Runs() {
		if run.Kind == "restore" {
			req.Resume = &run
		}
	}
	if _, err := applytest.Run(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// Every write of an undo going wrong in every way; a resume brings everything
// back, and nothing else is touched on the way.
func TestFaultsOfUndo(t *testing.T) {
	calm := remove(t, app(), gone, memory.Options{})
	calm.apply(t, build(t, calm.undoing(t)))
	table := fault.Table(calm.registry.Counts()[call.PutManifest], call.PutManifest)
	for i, f := range append(table, table...) {
		concurrency := 1
		if i >= len(table) {
			concurrency = 16
		}
		t.Run(fmt.Sprint(f, ", ", concurrency, " at once"), func(t *testing.T) {
			r := remove(t, app(), gone, memory.Options{})
			p := build(t, r.undoing(t))
			p.Summary.Hash = "undo"
			req := r.request(p)
			script := fault.New(f)
			script.OnCrash = r.state.Die
			req.Registries[r.info.Name] = apply.Registry{Reader: script.Reader(r.registry.Reader()), Mutator: script.Mutator(r.registry.Mutator()), Concurrency: concurrency}
			_, _ = applytest.Run(t.Context(), req)
			if len(script.Unused()) > 0 {
				t.Fatal("the fault did not happen")
			}
			r.state.Restart()
			for range 2 {
				r.resume(t, p)
			}
			r.same(t, "resumed")
		})
	}
}

// What went into quarantine comes back from there, one image as well as all,
// once the registry has nothing of it in its old place.
func TestBackFromQuarantine(t *testing.T) {
	w := app()
	r := &rig{registry: memory.Load(w, memory.Options{}), state: applytest.NewState(applytest.Failure{}), now: w.Now.Add(time.Minute), info: registry.Info{Name: "memory"}}
	r.before = r.registry.State()
	r.plan, _ = applytest.Plan(w, r.info, gone, w.Now)
	for i := range r.plan.Steps {
		r.plan.Steps[i].Quarantine, r.plan.Steps[i].For = "quarantine/app", "14d"
	}
	r.apply(t, r.plan)
	for _, run := range r.state.Runs() {
		r.run = run
	}
	r.registry = memory.Load(r.registry.World(), memory.Options{}) // only what manifests lead to is there
	req := r.undoing(t)
	req.Only = []oci.Reference{{Repository: "app", Tag: "v1"}}
	p := build(t, req)
	if len(p.Blocked) > 0 || len(p.Steps) == 0 {
		t.Fatalf("%+v", p.Blocked)
	}
	r.apply(t, p)
	r.apply(t, build(t, r.undoing(t)))
	r.same(t, "after")
}
