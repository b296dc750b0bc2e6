package apply_test

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// overwriting turns the untag steps of a plan into overwrite steps.
func overwriting(r *rig) {
	for i := range r.plan.Steps {
		if r.plan.Steps[i].Action == plan.Untag {
			r.plan.Steps[i].Action = plan.OverwriteTag
		}
	}
}

// notRemoved takes a tag out of what is expected to go.
func (r *rig) notRemoved(tag string) {
	delete(r.expected.Removed, world.Ref{Repository: "app", Tag: tag})
}

// A registry that cannot remove a tag alone keeps it, with its siblings: never
// a delete by digest instead (nexus-cli#46, harbor#8717, distribution#1566).
func TestATagThatCannotBeRemovedAloneStays(t *testing.T) {
	for _, told := range []registry.Support{registry.SupportUnknown, registry.SupportYes, registry.SupportNo} {
		w, remove := company(false)
		r := newRig(t, w, remove, memory.Options{NoTagDelete: true})
		r.plan.Header.Registries[0].Capabilities.TagDelete = told
		result := r.apply(t)
		o := outcome(t, r, result, "shared-old")
		if o.Status != journal.Blocked || !strings.Contains(o.Error, "kept") {
			t.Errorf("told %v: %s (%s)", told, o.Status, o.Error)
		}
		r.notRemoved("shared-old")
		r.check(t, "after", false)
		if r.registry.Counts()[call.PutManifest] > 0 {
			t.Error("something was pushed")
		}
		learned, _ := r.state.Capabilities(t.Context(), r.info.Name, "app")
		if learned.TagDelete != registry.SupportNo {
			t.Errorf("told %v, learned %v", told, learned.TagDelete)
		}
	}
}

// Only "not supported" leads down the ladder (regclient's fallback on a 403).
func TestNoOtherErrorLeadsDownTheLadder(t *testing.T) {
	for _, kind := range []error{registry.ErrDenied, registry.ErrThrottled, registry.ErrUnavailable, registry.ErrLocked, registry.ErrMalformed, registry.ErrNotFound} {
		w, remove := company(false)
		r := newRig(t, w, remove, memory.Options{})
		overwriting(r)
		req := r.request()
		r.faulty(&req, fault.Fault{Op: call.Untag, Kind: fault.Refuse, Err: kind})
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if o := outcome(t, r, result, "shared-old"); o.Status != journal.Failed && o.Status != journal.Refused || o.Error == "" {
			t.Errorf("%v: %s (%s)", kind, o.Status, o.Error)
		}
		if counts := r.registry.Counts(); counts[call.PutManifest] > 0 || counts[call.PutBlob] > 0 {
			t.Errorf("%v: something was pushed", kind)
		}
		r.check(t, kind.Error(), true)
	}
}

func TestOverwriteWhereThePlanSaysSoAndItWorks(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{NoTagDelete: true})
	overwriting(r)
	allDone(t, r.apply(t))
	r.check(t, "after", false)
	for digest, m := range r.registry.World().Repositories["app"].Manifests {
		if m.Annotations["dev.regkeep.placeholder"] != "" {
			t.Errorf("a placeholder is left: %s", digest)
		}
	}
}

// Where a tag can be deleted, no placeholder is pushed, whatever the plan says.
func TestNoOverwriteWhereATagDeleteWorks(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	overwriting(r)
	allDone(t, r.apply(t))
	r.check(t, "after", false)
	if r.registry.Counts()[call.PutManifest] > 0 {
		t.Error("something was pushed")
	}
}

// A registry that destroys a manifest when its only tag is overwritten (zot),
// and one whose tags outlive their manifest, are found out on something
// disposable.
func TestOverwriteIsProvenOnSomethingDisposable(t *testing.T) {
	for name, spoil := range map[string]func(r *rig) func(call.Call){
		"overwriting destroys": func(r *rig) func(call.Call) {
			return func(c call.Call) {
				if c.Op != call.PutManifest {
					return
				}
				r.registry.Edit(func(w *world.World) {
					repo := w.Repository("app")
					for digest, m := range repo.Manifests {
						tagged := false
						for _, at := range repo.Tags {
							tagged = tagged || at == digest
						}
						if !tagged && m.Annotations["dev.regkeep.placeholder"] != "" {
							delete(repo.Manifests, digest)
						}
					}
				})
			}
		},
		"tags outlive": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w, remove := company(false)
			r := newRig(t, w, remove, memory.Options{NoTagDelete: true, KeepsTags: spoil == nil})
			overwriting(r)
			r.plan.Steps = slices.DeleteFunc(r.plan.Steps, func(s plan.Step) bool { return s.Action != plan.OverwriteTag })
			r.expected = world.Expectation{}
			if spoil != nil {
				r.registry.After(spoil(r))
			}
			result := r.apply(t)
			if o := outcome(t, r, result, "shared-old"); o.Status != journal.Blocked || !strings.Contains(o.Error, "disposable") {
				t.Errorf("%s (%s)", o.Status, o.Error)
			}
			state := r.registry.State()
			for tag := range state.Repositories["app"].Tags {
				if strings.HasPrefix(tag, "regkeep-probe-") && spoil == nil {
					r.before.Repositories["app"].Tags[tag] = state.Repositories["app"].Tags[tag] // it cannot be removed there
				}
			}
			r.check(t, "after", false)
		})
	}
}

// Every write of an overwrite going wrong: the tag ends up gone or where it
// was, and the image stays.
func TestFaultsOfOverwrite(t *testing.T) {
	for _, op := range []call.Op{call.PutBlob, call.PutManifest, call.DeleteManifest, call.Untag} {
		for _, f := range fault.Table(5, op) {
			t.Run(f.String(), func(t *testing.T) {
				w, remove := company(false)
				r := newRig(t, w, remove, memory.Options{NoTagDelete: true})
				r.plan.Header.Registries[0].Capabilities.TagDelete = registry.SupportYes // and is wrong
				overwriting(r)
				req := r.request()
				script := r.faulty(&req, f)
				_, _ = applytest.Run(t.Context(), req)
				if len(script.Unused()) > 0 {
					return
				}
				for range 3 {
					r.resume(t)
				}
				if state := r.registry.State().Repositories["app"]; state.Tags["shared-old"] != "" {
					r.notRemoved("shared-old")
				}
				r.registry.Edit(func(w *world.World) { // what a proof that was cut off left behind
					for tag := range w.Repository("app").Tags {
						if strings.HasPrefix(tag, "regkeep-probe-") {
							delete(w.Repository("app").Tags, tag)
						}
					}
				})
				r.check(t, "resumed", true)
			})
		}
	}
}

// A registry that deletes the manifest along with its last tag gets it back.
func TestAManifestThatGoesWithItsTagIsPutBack(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	child := repo.Image(world.Image{})
	repo.Tag("child", child)
	repo.Tag("multi", repo.Index(world.Index{Children: []*world.Manifest{child}}))
	repo.Tag("other", repo.Index(world.Index{Children: []*world.Manifest{child, repo.Image(world.Image{})}}))
	r := newRig(t, w, map[string][]string{"app": {"child"}}, memory.Options{})
	r.registry.After(func(c call.Call) {
		if c.Op == call.Untag {
			r.registry.Edit(func(w *world.World) { delete(w.Repository("app").Manifests, child.Digest) })
		}
	})
	result := r.apply(t)
	if o := result.Outcomes[0]; o.Status != journal.Failed || !strings.Contains(o.Error, "put back") {
		t.Errorf("%s (%s)", o.Status, o.Error)
	}
	r.check(t, "after", false)
	if result.Damaged {
		t.Errorf("%+v", result.Verifications)
	}
}

func TestDeletesThatAreSwitchedOff(t *testing.T) {
	for _, told := range []registry.Support{registry.SupportUnknown, registry.SupportYes} {
		w, remove := company(false)
		r := newRig(t, w, remove, memory.Options{NoDigestDelete: true})
		r.plan.Header.Registries[0].Capabilities.TagDelete = told
		r.plan.Header.Registries[0].Capabilities.DigestDelete = told
		result := r.apply(t)
		for _, o := range result.Outcomes {
			if o.Status != journal.Refused && o.Status != journal.Blocked {
				t.Errorf("told %v: step %d is %s (%s)", told, o.Seq, o.Status, o.Error)
			}
		}
		if o := outcome(t, r, result, "old"); !strings.Contains(o.Error, "REGISTRY_STORAGE_DELETE_ENABLED") {
			t.Errorf("told %v: %s", told, o.Error)
		}
		r.expected = world.Expectation{}
		r.check(t, "after", false)
	}
}

// 202 and nothing done, for ever: said so, and not waited for each time.
func TestALyingRegistry(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Kind: fault.Lie}, fault.Fault{Op: call.Untag, Kind: fault.Lie})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Outcomes {
		if o.Status == journal.Failed && !strings.Contains(o.Error, "did nothing") || o.Status.Succeeded() {
			t.Errorf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
		}
	}
	r.expected = world.Expectation{}
	r.check(t, "after", false)
	if r.clock.slept > time.Minute {
		t.Errorf("waited %v for a registry that lies", r.clock.slept)
	}
}

// A registry that takes its time is waited for, with pauses that grow.
func TestSlowForgetting(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Kind: fault.Delay, After: 6}, fault.Fault{Op: call.Untag, Kind: fault.Delay, After: 3})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	r.check(t, "after", false)
}

// A tag that the registry locks stays, and so does what hangs on its manifest;
// the rest goes on.
func TestLockedTags(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{Locked: []string{"multi-old"}})
	result := r.apply(t)
	if o := outcome(t, r, result, "multi-old"); o.Status != journal.Refused || !strings.Contains(o.Error, "immutable") {
		t.Errorf("%s (%s)", o.Status, o.Error)
	}
	if o := outcome(t, r, result, "old"); o.Status != journal.Done {
		t.Errorf("old: %s (%s)", o.Status, o.Error)
	}
	for _, problem := range world.Check(r.before, r.registry.State(), after(r, result)) {
		t.Error(problem)
	}
}

// What cannot be archived is not deleted.
func TestNoArchiveNoDelete(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	req := r.request()
	script := r.faulty(&req, fault.Fault{Op: call.Manifest, Reference: string(digestOf(t, r, "app", "old")), Kind: fault.Refuse, Err: registry.ErrMalformed})
	result, err := applytest.Run(t.Context(), req)
	if err != nil || len(script.Unused()) > 0 {
		t.Fatal(err, script.Unused())
	}
	if o := outcome(t, r, result, "old"); o.Status != journal.Refused || !strings.Contains(o.Error, "archived") {
		t.Errorf("%s (%s)", o.Status, o.Error)
	}
	for _, problem := range world.Check(r.before, r.registry.State(), after(r, result)) {
		t.Error(problem)
	}
}

// Tags of a Nexus are components: they are compared on the way, and manifests
// are left to the registry.
func TestComponents(t *testing.T) {
	w, _ := company(false)
	r := newRig(t, w, nil, memory.Options{Components: true})
	old := r.before.Repositories["app"].Tags["old"]
	sig := oci.FallbackTag(old) + ".sig"
	handles := map[string]string{}
	for tag, err := range r.registry.Reader().Tags(t.Context(), "app") {
		if err != nil {
			t.Fatal(err)
		}
		handles[tag.Name] = tag.Handle
	}
	for i, tag := range []string{sig, "old", "shared-old", "multi-old"} {
		r.plan.Steps = append(r.plan.Steps, plan.Step{
			Seq: i + 1, Registry: r.info.Name, Repository: "app", Action: plan.DeleteComponent, Tag: tag,
			Digest: r.before.Repositories["app"].Tags[tag], Handle: handles[tag],
		})
		r.expected.Removed[world.Ref{Repository: "app", Tag: tag}] = true
	}
	r.plan.Steps[3].Handle = "of an earlier push"
	result := r.apply(t)
	if o := outcome(t, r, result, "multi-old"); o.Status != journal.Changed {
		t.Errorf("multi-old: %s (%s)", o.Status, o.Error)
	}
	// A signature before its subject waits for nothing here: it is refused.
	if o := outcome(t, r, result, sig); o.Status != journal.Refused {
		t.Errorf("signature: %s (%s)", o.Status, o.Error)
	}
	r.notRemoved("multi-old")
	r.notRemoved(sig)
	r.check(t, "after", false)
	// Resumed, its subject has gone.
	again := r.resume(t)
	if o := outcome(t, r, again, sig); o.Status != journal.Done {
		t.Errorf("signature, resumed: %s (%s)", o.Status, o.Error)
	}
}
