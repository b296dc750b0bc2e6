package undo_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// crowd is many images that share a layer, indexes in indexes, and attachments
// of attachments, all of which go.
func crowd() (*world.World, applytest.Remove) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	r.Tag("kept", r.Image(world.Image{}))
	shared := w.Layer()
	tags := applytest.Remove{}
	for i := range 8 {
		image := func() *world.Manifest {
			return r.Image(world.Image{Layers: []oci.Digest{shared, w.Layer()}})
		}
		old := image()
		r.Tag(fmt.Sprintf("old-%d", i), old)
		r.Tag(fmt.Sprintf("also-%d", i), old)
		r.Cosign(old.Digest, "sig")
		inner := r.Index(world.Index{Children: []*world.Manifest{image(), image()}})
		outer := r.Index(world.Index{Children: []*world.Manifest{inner, image()}})
		r.Tag(fmt.Sprintf("multi-%d", i), outer)
		sbom := r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: outer})
		r.Artifact(world.Artifact{Type: "application/vnd.example.sig", Subject: sbom})
		tags["app"] = append(tags["app"], fmt.Sprintf("old-%d", i), fmt.Sprintf("also-%d", i), fmt.Sprintf("multi-%d", i))
	}
	return w, tags
}

// emptied is what a run and the garbage collection left of the crowd, with an
// archive of what went.
func emptied(t *testing.T) (*rig, *archive.Layout, *plan.Plan) {
	t.Helper()
	layout, err := archive.OpenLayout(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, tags := crowd()
	r := &rig{registry: memory.Load(w, memory.Options{}), state: applytest.NewState(applytest.Failure{}), now: w.Now, info: registry.Info{Name: "memory"}}
	r.before = r.registry.State()
	r.plan, _ = applytest.Plan(w, r.info, tags, w.Now)
	req := r.request(r.plan)
	req.Archive = archive.Stack{r.state, layout}
	if _, err := applytest.Run(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	swept := r.registry.World()
	for digest := range maps.Clone(swept.Blobs) {
		if !slices.ContainsFunc(slices.Collect(maps.Values(swept.Repositories["app"].Manifests)), func(m *world.Manifest) bool {
			return m.Config == digest || slices.Contains(m.Layers, digest)
		}) {
			delete(swept.Blobs, digest)
		}
	}
	r.registry = memory.Load(swept, memory.Options{})
	for _, run := range r.state.Runs() {
		r.run = run
	}
	undoing := r.undoing(t)
	undoing.Archive = layout
	p := build(t, undoing)
	if len(p.Blocked) > 0 {
		t.Fatalf("%+v", p.Blocked)
	}
	return r, layout, p
}

// door counts what is under way and says what comes too early: a manifest before
// what it lists or is attached to, a tag before its manifest, an attachment
// before the tags of images.
type door struct {
	under, most atomic.Int32
	mu          sync.Mutex
	sent        map[string]int
	early       []string
}

func (d *door) watch(r *rig, slow time.Duration) {
	d.sent = map[string]int{}
	r.registry.Before(func(c call.Call) {
		if c.Op != call.PutManifest && c.Op != call.PutBlob {
			return
		}
		d.mu.Lock()
		d.sent[c.Reference]++
		d.mu.Unlock()
		d.most.Store(max(d.most.Load(), d.under.Add(1)))
		if c.Op == call.PutManifest {
			d.look(r, c)
		}
		if slow > 0 {
			time.Sleep(slow)
		}
	})
	r.registry.After(func(c call.Call) {
		if c.Op == call.PutManifest || c.Op == call.PutBlob {
			d.under.Add(-1)
		}
	})
}

func (d *door) look(r *rig, c call.Call) {
	now, before := r.registry.World().Repositories["app"], r.before.Repositories["app"]
	digest := oci.Digest(c.Reference)
	var early []string
	if before.Manifests[digest] == nil { // a tag
		digest = before.Tags[c.Reference]
		if now.Manifests[digest] == nil {
			early = append(early, fmt.Sprintf("tag %s before its manifest", c.Reference))
		}
	}
	m := before.Manifests[digest]
	for _, child := range m.Children {
		if now.Manifests[child.Digest] == nil {
			early = append(early, fmt.Sprintf("%s before its child", c.Reference))
		}
	}
	if m.Subject != "" {
		if now.Manifests[m.Subject] == nil {
			early = append(early, fmt.Sprintf("%s before its subject", c.Reference))
		}
		for tag := range before.Tags {
			if _, _, attached := oci.ParseAttachmentTag(tag); !attached && now.Tags[tag] == "" {
				early = append(early, fmt.Sprintf("attachment %s before tag %s", c.Reference, tag))
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.early = append(d.early, early...)
}

// What is put back goes side by side, in the order of what needs what, and what
// many need is sent once.
func TestManyComeBackSideBySide(t *testing.T) {
	for _, concurrency := range []int{1, 16} {
		synctest.Test(t, func(t *testing.T) {
			r, layout, p := emptied(t)
			var d door
			d.watch(r, time.Second)
			req := r.request(p)
			req.Archive, req.Verify = archive.Stack{r.state, layout}, apply.VerifyBlobs
			req.Registries[r.info.Name] = apply.Registry{Reader: r.registry.Reader(), Mutator: r.registry.Mutator(), Concurrency: concurrency}
			began := time.Now()
			result, err := applytest.Run(t.Context(), req)
			if err != nil || result.Damaged || result.Unseen > 0 {
				t.Fatal(err, result.Verifications)
			}
			for _, o := range result.Outcomes {
				if o.Status != journal.Done {
					t.Errorf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
				}
			}
			took, sends := time.Since(began), 0
			for reference, n := range d.sent {
				if sends += n; n > 1 {
					t.Errorf("%s was sent %d times", reference, n)
				}
			}
			if len(d.early) > 0 {
				t.Errorf("%d at once: %s", concurrency, strings.Join(d.early, "; "))
			}
			switch {
			case concurrency == 1 && (d.most.Load() != 1 || took != time.Duration(sends)*time.Second):
				t.Errorf("one after the other: %d at once, %s for %d requests", d.most.Load(), took, sends)
			case concurrency > 1 && took > time.Duration(sends)*time.Second/8:
				t.Errorf("%d at once: %s for %d requests of a second", concurrency, took, sends)
			}
			r.registry.Before(nil)
			r.same(t, "after")
		})
	}
}

// Ctrl-C in the middle of many: what has begun is finished and written down,
// nothing else is begun, and a resume brings the rest.
func TestAnUndoThatIsStoppedBeginsNothingMore(t *testing.T) {
	for seconds := range 14 {
		synctest.Test(t, func(t *testing.T) {
			r, layout, p := emptied(t)
			p.Summary.Hash = "undo"
			var d door
			d.watch(r, time.Second)
			req := r.request(p)
			req.Archive = archive.Stack{r.state, layout}
			ctx, cancel := context.WithCancel(t.Context())
			var began map[int]bool
			go func() {
				time.Sleep(time.Duration(seconds)*time.Second + time.Second/2)
				began = acted(r)
				cancel()
			}()
			result, err := applytest.Run(ctx, req)
			synctest.Wait()
			if err != nil || !result.Interrupted {
				t.Fatal(err, result.Result)
			}
			if now := acted(r); !maps.Equal(now, began) {
				t.Errorf("after %d s: %d steps had begun, and %d did in the end", seconds, len(began), len(now))
			}
			for _, run := range r.state.Runs() {
				if open := journal.Replay(r.state.Entries(run.ID)).Open; len(open) > 0 {
					t.Errorf("after %d s: nobody knows about %v", seconds, open)
				}
				if run.Kind == "restore" {
					req.Resume = &run
				}
			}
			r.registry.Before(nil)
			if result, err := applytest.Run(t.Context(), req); err != nil || result.Open() > 0 {
				t.Fatal(err, result.Result)
			}
			r.same(t, "resumed")
		})
	}
}

// acted are the steps of the undo that had an intent.
func acted(r *rig) map[int]bool {
	for _, run := range r.state.Runs() {
		if run.Kind == "restore" {
			return journal.Replay(r.state.Entries(run.ID)).Acted
		}
	}
	return nil
}

// The plan of an undo looks side by side, at everything once, and one after the
// other where the user wants that.
func TestManyAreLookedAtSideBySide(t *testing.T) {
	for _, concurrency := range []int{1, 16} {
		r, layout, want := emptied(t)
		synctest.Test(t, func(t *testing.T) {
			req := r.undoing(t)
			req.Archive, req.Concurrency = layout, concurrency
			var mu sync.Mutex
			looks := map[string]int{}
			r.registry.Before(func(c call.Call) {
				mu.Lock()
				looks[string(c.Op)+" "+c.Reference]++
				mu.Unlock()
				time.Sleep(time.Second)
			})
			began := time.Now()
			p := build(t, req)
			took := time.Since(began)
			for what, n := range looks {
				if n > 1 {
					t.Errorf("%s %d times", what, n)
				}
			}
			switch all := time.Duration(len(looks)) * time.Second; {
			case concurrency == 1 && took != all:
				t.Errorf("%s for %d looks one after the other", took, len(looks))
			case concurrency > 1 && took > all/8:
				t.Errorf("%s for %d looks side by side", took, len(looks))
			}
			if !slices.EqualFunc(p.Steps, want.Steps, func(a, b plan.Step) bool { return a.Action == b.Action && a.Digest == b.Digest && a.Tag == b.Tag }) {
				t.Errorf("%d steps, want %d, or others", len(p.Steps), len(want.Steps))
			}
		})
	}
}
