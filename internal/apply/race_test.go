package apply_test

import (
	"context"
	"strings"
	"testing"

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
)

// pushes are what somebody else may do between plan and apply, with the tags
// whose steps it must stop.
var pushes = map[string]struct {
	push    func(r *world.Repository)
	changed []string
}{
	"a doomed tag is pushed again (harbor#11837)": {
		func(r *world.Repository) { r.Tag("old", r.Image(world.Image{})) },
		[]string{"old"},
	},
	"an untagged-only tag is pushed again": {
		func(r *world.Repository) { r.Tag("shared-old", r.Image(world.Image{})) },
		[]string{"shared-old"},
	},
	"a new tag on a doomed image (NVSentinel#1339: promotion by retag)": {
		func(r *world.Repository) { r.Tags["v1.2.0"] = r.Tags["old"] },
		[]string{"old"},
	},
	"a new index lists a doomed child (memory-service#1044)": {
		func(r *world.Repository) {
			child := r.Manifests[r.Manifests[r.Manifests[r.Tags["multi-old"]].Children[0].Digest].Children[0].Digest]
			r.Tag("new-multi", r.Index(world.Index{Children: []*world.Manifest{child}}))
		},
		[]string{"child"},
	},
	"a new index lists the doomed index, two levels down": {
		func(r *world.Repository) {
			index := r.Manifests[r.Manifests[r.Tags["multi-old"]].Children[0].Digest]
			r.Tag("new-multi", r.Index(world.Index{Children: []*world.Manifest{r.Index(world.Index{Children: []*world.Manifest{index}})}}))
		},
		[]string{"child"},
	},
	"a kept tag moves to a doomed image": {
		func(r *world.Repository) { r.Tags["kept"] = r.Tags["multi-old"] },
		[]string{"multi-old"},
	},
	"a doomed tag moves to another doomed image": {
		func(r *world.Repository) { r.Tags["old"] = r.Tags["multi-old"] },
		[]string{"old", "multi-old"},
	},
	"a new tag on a manifest of a type nobody knows that names a doomed image": {
		func(r *world.Repository) {
			r.Tag("strange", r.Foreign("application/vnd.example.list", []byte(`{"has":"`+string(r.Tags["old"])+`"}`)))
		},
		[]string{"old"},
	},
}

// after is the expectation that follows from the outcomes: what was not done
// must be whole, with everything it leads to.
func after(r *rig, result applytest.Told) world.Expectation {
	expected := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}
	for i, o := range result.Outcomes {
		s := r.plan.Steps[i]
		if !o.Status.Succeeded() {
			continue
		}
		if s.Tag != "" {
			expected.Removed[world.Ref{Repository: s.Repository, Tag: s.Tag}] = true
			continue
		}
		expected.Doomed[world.Node{Repository: s.Repository, Digest: s.Digest}] = true
		for _, tag := range s.Takes {
			expected.Removed[world.Ref{Repository: s.Repository, Tag: tag}] = true
		}
	}
	return expected
}

func TestPushesBetweenPlanAndApply(t *testing.T) {
	for name, c := range pushes {
		for vendor, options := range vendors {
			t.Run(vendor+"/"+name, func(t *testing.T) {
				w, remove := company(options.NoReferrers)
				r := newRig(t, w, remove, options)
				r.registry.Edit(func(w *world.World) { c.push(w.Repository("app")) })
				r.before = r.registry.State()
				result := r.apply(t)
				for _, problem := range world.Check(r.before, r.registry.State(), after(r, result)) {
					t.Error(problem)
				}
				for _, tag := range c.changed {
					if tag == "child" {
						continue
					}
					if o := outcome(t, r, result, tag); o.Status != journal.Changed || o.Error == "" {
						t.Errorf("%s: %s (%s)", tag, o.Status, o.Error)
					}
				}
				if !strings.Contains(exceptions(result), "changed") {
					t.Error("nothing is reported as changed")
				}
				if result.Damaged {
					t.Errorf("damaged: %+v", result.Verifications)
				}
			})
		}
	}
}

// The same while the run is on its way: at every request that it makes.
func TestPushesDuringApply(t *testing.T) {
	counts, _ := calm(t, memory.Options{})
	total := 0
	for _, n := range counts {
		total += n
	}
	for name, c := range pushes {
		if strings.Contains(name, "new tag") || strings.Contains(name, "new index") || strings.Contains(name, "kept tag") || strings.Contains(name, "another doomed") {
			continue // these need a listing: see the next test
		}
		for at := range total {
			w, remove := company(false)
			r := newRig(t, w, remove, memory.Options{})
			r.registry.Forget()
			var pushed oci.Digest
			r.registry.Before(func(call.Call) {
				if len(r.registry.Calls()) == at+1 {
					r.registry.Edit(func(w *world.World) {
						c.push(w.Repository("app"))
						pushed = w.Repository("app").Tags["old"]
					})
				}
			})
			result := r.apply(t)
			if now := r.registry.World().Repositories["app"]; pushed != "" && pushed != r.before.Repositories["app"].Tags["old"] && now.Tags["old"] != pushed {
				t.Errorf("%s at request %d: the pushed tag is gone", name, at)
			}
			if result.Damaged {
				t.Errorf("%s at request %d: %+v", name, at, result.Verifications)
			}
		}
	}
}

// A tag that appears in the middle of a long run is seen at the next listing.
func TestTagsThatAppearInALongRun(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	r.registry.After(func(c call.Call) {
		_ = r.clock.Sleep(context.Background(), 20_000_000_000) // every request takes long
		if c.Op == call.Untag {
			r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["v1"] = w.Repository("app").Tags["multi-old"] })
		}
	})
	result := r.apply(t)
	if o := outcome(t, r, result, "multi-old"); o.Status != journal.Changed || !strings.Contains(o.Error, `"v1"`) {
		t.Errorf("%s (%s)", o.Status, o.Error)
	}
	r.registry.After(nil)
	r.registry.Edit(func(w *world.World) { delete(w.Repository("app").Tags, "v1") })
	for _, problem := range world.Check(r.before, r.registry.State(), after(r, result)) {
		t.Error(problem)
	}
}

// A tag that was seen to have moved in the middle of a run guards what it
// points to now, though that was to go.
func TestAMovedTagGuardsItsNewTarget(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	r.registry.After(func(c call.Call) {
		if c.Op == call.Untag {
			r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["multi-old"] = w.Repository("app").Tags["old"] })
		}
	})
	if r.plan.Steps[1].Takes[0] != "multi-old" {
		t.Fatal("the step of multi-old is not the one before that of old")
	}
	result := r.apply(t)
	for _, tag := range []string{"multi-old", "old"} {
		if o := outcome(t, r, result, tag); o.Status != journal.Changed {
			t.Errorf("%s: %s (%s)", tag, o.Status, o.Error)
		}
	}
}

// A listing that fails or ends early refuses the repository (gitlab#325429).
func TestNothingIsDeletedUnderABadListing(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"fails":             {Op: call.Tags, Nth: 1, Kind: fault.Refuse},
		"fails on page two": {Op: call.Tags, Nth: 1, Kind: fault.Truncate, After: 2},
		"ends early":        {Op: call.Tags, Nth: 1, Kind: fault.Shorten, After: 2},
		"a tag unresolved":  {Op: call.Head, Nth: 3, Kind: fault.Refuse},
		"an index unread":   {Op: call.Manifest, Nth: 1, Kind: fault.Refuse},
		"probe denied":      {Op: call.Probe, Nth: 1, Kind: fault.Refuse, Err: registry.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			w, remove := company(false)
			r := newRig(t, w, remove, memory.Options{})
			r.plan.Header.Registries[0].Capabilities = registry.Capabilities{}
			req := r.request()
			script := r.faulty(&req, f)
			result, err := applytest.Run(t.Context(), req)
			if err != nil || len(script.Unused()) > 0 {
				t.Fatalf("%v, unused %v", err, script.Unused())
			}
			for _, o := range result.Outcomes {
				if o.Status != journal.Refused || o.Error == "" {
					t.Errorf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
				}
			}
			r.expected = world.Expectation{}
			r.check(t, name, false)
		})
	}
}

// Not even what has no tag that the listing could lack.
func TestAnUntaggedManifestStaysUnderAFailedListing(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	repo.Tag("v1", repo.Image(world.Image{}))
	untagged := repo.Image(world.Image{})
	r := newRig(t, w, nil, memory.Options{})
	r.plan.Steps = []plan.Step{{Seq: 1, Registry: r.info.Name, Repository: "app", Action: plan.DeleteManifest, Digest: untagged.Digest, Why: "root"}}
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.Tags, Nth: 1, Kind: fault.Truncate, After: 0})
	result, err := applytest.Run(t.Context(), req)
	if err != nil || result.Outcomes[0].Status != journal.Refused {
		t.Errorf("%v, %+v", err, result.Outcomes)
	}
	r.check(t, "after", false)
}

// A listing that has begun and then says that there is nothing has broken off, and
// is no repository without tags: there, an image could go that a tag still names.
func TestAListingThatEndsWithNotFoundRefusesItsRepository(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	repo.Tag("b", repo.Image(world.Image{}))
	doomed := repo.Image(world.Image{})
	repo.Tag("a", doomed)
	repo.Tag("released", doomed) // promoted since
	r := newRig(t, w, nil, memory.Options{})
	r.plan.Steps = []plan.Step{{Seq: 1, Registry: r.info.Name, Repository: "app", Action: plan.DeleteManifest, Digest: doomed.Digest, Takes: []string{"a"}, Why: "root"}}
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.Tags, Kind: fault.Truncate, After: 2, Err: registry.ErrNotFound})
	result, err := applytest.Run(t.Context(), req)
	if err != nil || len(result.Outcomes) != 1 || result.Outcomes[0].Status != journal.Refused ||
		!strings.Contains(result.Outcomes[0].Error, "could not be listed again") {
		t.Errorf("%v, %+v", err, result.Outcomes)
	}
	r.check(t, "after", false)
}

// An attachment never goes before its subject and never without it, in
// whatever order a plan has them.
func TestAttachmentsFollowTheirSubject(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	steps := r.plan.Steps
	for i := range len(steps) / 2 { // untag and indexes last, attachments first
		steps[i], steps[len(steps)-1-i] = steps[len(steps)-1-i], steps[i]
	}
	for i := range steps {
		steps[i].Seq = i + 1
	}
	var gone []oci.Digest
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			gone = append(gone, oci.Digest(c.Reference))
		}
	})
	allDone(t, r.apply(t))
	r.check(t, "after", false)
	place := map[oci.Digest]int{}
	for i, digest := range gone {
		place[digest] = i
	}
	for digest, m := range w.Repositories["app"].Manifests {
		if m.Subject != "" && place[digest] < place[m.Subject] {
			t.Errorf("%s went before its subject", digest)
		}
	}
}

func TestTwoRunsAtOnceOnOneRegistry(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	tried := false
	r.registry.Before(func(c call.Call) {
		if c.Op == call.DeleteManifest && !tried {
			tried = true
			if _, err := applytest.Run(t.Context(), r.request()); err == nil || !strings.Contains(err.Error(), apply.ErrBusy.Error()) {
				t.Errorf("the second run: %v", err)
			}
		}
	})
	allDone(t, r.apply(t))
	if !tried {
		t.Error("no second run")
	}
}
