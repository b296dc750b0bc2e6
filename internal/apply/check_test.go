package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Plans that are refused as a whole: nothing is asked of the registry, and the
// message says what to do.
func TestRefusedPlans(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(r *rig, req *apply.Request)
		want  error
		says  string
	}{
		"stale":             {func(r *rig, _ *apply.Request) { r.clock.now = r.clock.now.Add(24 * time.Hour) }, apply.ErrStale, "Plan again"},
		"stale by setting":  {func(r *rig, req *apply.Request) { req.MaxAge = time.Second }, apply.ErrStale, "plan_max_age"},
		"expired":           {func(r *rig, _ *apply.Request) { r.plan.Header.Expires = r.clock.now.Add(-1) }, apply.ErrStale, ""},
		"from the future":   {func(r *rig, _ *apply.Request) { r.plan.Header.Created = r.clock.now.Add(time.Hour) }, apply.ErrFuture, "clocks"},
		"a rehearsal":       {func(r *rig, _ *apply.Request) { r.plan.Header.Now = r.clock.now.Add(30 * 24 * time.Hour) }, apply.ErrFuture, "--now"},
		"undated":           {func(r *rig, _ *apply.Request) { r.plan.Header.Created = time.Time{} }, apply.ErrPlan, ""},
		"another version":   {func(r *rig, _ *apply.Request) { r.plan.Header.Version = 2 }, apply.ErrPlan, "version 2"},
		"another kind":      {func(r *rig, _ *apply.Request) { r.plan.Header.Kind = "frobnicate" }, apply.ErrPlan, ""},
		"a restore deletes": {func(r *rig, _ *apply.Request) { r.plan.Header.Kind = "restore" }, apply.ErrPlan, "restore"},
		"a remove puts":     {func(r *rig, _ *apply.Request) { r.plan.Steps[0].Action = plan.PutTag }, apply.ErrPlan, ""},
		"a hole":            {func(r *rig, _ *apply.Request) { r.plan.Steps = r.plan.Steps[1:] }, apply.ErrPlan, ""},
		"no digest":         {func(r *rig, _ *apply.Request) { r.plan.Steps[1].Digest = "" }, apply.ErrPlan, ""},
		"no tag":            {func(r *rig, _ *apply.Request) { r.plan.Steps[0].Tag = "" }, apply.ErrPlan, ""},
		"no repository":     {func(r *rig, _ *apply.Request) { r.plan.Steps[0].Repository = "" }, apply.ErrPlan, ""},
		"foreign":           {func(_ *rig, req *apply.Request) { req.Registries = nil }, apply.ErrForeign, ""},
		"moved": {func(r *rig, req *apply.Request) {
			given := req.Registries[r.info.Name]
			given.URL = "https://other.example"
			req.Registries[r.info.Name] = given
		}, apply.ErrForeign, "other.example"},
		"unnamed": {func(r *rig, _ *apply.Request) { r.plan.Steps[0].Registry = "elsewhere" }, apply.ErrForeign, ""},
		"another run's": {func(_ *rig, req *apply.Request) {
			req.Resume = &journal.Run{ID: "r", PlanID: "other", PlanHash: "other"}
		}, apply.ErrPlan, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			w, remove := company(false)
			r := newRig(t, w, remove, memory.Options{})
			req := r.request()
			c.spoil(r, &req)
			r.registry.Forget()
			_, err := applytest.Run(t.Context(), req)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.says)
			}
			if len(r.registry.Calls()) > 0 {
				t.Errorf("asked %v", r.registry.Calls())
			}
		})
	}
}

// Ctrl-C at every request: the step in hand is finished and written down, the
// rest is left, and a resume ends where an undisturbed run ends.
func TestInterruptAtEveryRequest(t *testing.T) {
	counts, end := calm(t, memory.Options{})
	total := 0
	for _, n := range counts {
		total += n
	}
	for at := range total {
		w, remove := company(false)
		r := newRig(t, w, remove, memory.Options{})
		r.registry.Forget()
		ctx, cancel := context.WithCancel(t.Context())
		r.registry.Before(func(call.Call) {
			if len(r.registry.Calls()) == at+1 {
				cancel()
			}
		})
		result, err := applytest.Run(ctx, r.request())
		cancel()
		r.registry.Before(nil)
		if err != nil || !result.Interrupted || result.Damaged {
			t.Fatalf("request %d: %v, %+v", at, err, result)
		}
		for _, o := range result.Outcomes {
			if !o.Status.Succeeded() {
				t.Errorf("request %d: step %d is %s (%s)", at, o.Seq, o.Status, o.Error)
			}
		}
		for _, v := range result.Verifications {
			if !v.OK {
				t.Errorf("request %d: %s:%s: %s", at, v.Repository, v.Tag, v.Error)
			}
		}
		for _, run := range r.state.Runs() {
			if run.Status != journal.Interrupted {
				t.Errorf("request %d: the run is %s", at, run.Status)
			}
			if open := journal.Replay(r.state.Entries(run.ID)).Open; len(open) > 0 {
				t.Errorf("request %d: nobody knows about %v", at, open)
			}
		}
		r.check(t, "interrupted", true)
		settle(t, r)
		r.check(t, "resumed", false)
		sameEnd(t, r, end)
	}
}

// What a resumed run finds done is not done again, and told once.
func TestResumeRepeatsNothing(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	req := r.request()
	var told []int
	req.Outcome = func(_ plan.Step, o journal.Outcome) {
		told = append(told, o.Seq)
		if len(told) == 3 {
			cancel()
		}
	}
	if _, err := applytest.Run(ctx, req); err != nil {
		t.Fatal(err)
	}
	// Somebody pushes a removed tag again: that is theirs.
	r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["shared-old"] = w.Repository("app").Tags["kept"] })
	r.notRemoved("shared-old")
	r.registry.Forget()
	result := r.resume(t)
	allDone(t, result)
	r.check(t, "resumed", false)
	if n := r.registry.Counts()[call.DeleteManifest]; n != len(r.plan.Steps)-3 {
		t.Errorf("%d deletes for %d steps that were left", n, len(r.plan.Steps)-3)
	}
	if len(result.Outcomes) != len(r.plan.Steps) {
		t.Errorf("%d outcomes", len(result.Outcomes))
	}
}

// Damage that a registry does on the side is found, whatever it hits.
func TestVerificationFindsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(r *world.Repository)
		level  apply.Level
		tag    string
	}{
		"a kept tag":               {func(r *world.Repository) { delete(r.Tags, "kept") }, apply.VerifyTags, "kept"},
		"a kept child":             {func(r *world.Repository) { delete(r.Manifests, r.Manifests[r.Tags["multi-kept"]].Children[1].Digest) }, apply.VerifyManifests, "multi-kept"},
		"an attachment of a kept":  {func(r *world.Repository) { deleteAttached(r, r.Tags["kept"]) }, apply.VerifyManifests, "kept"},
		"a kept signature by name": {func(r *world.Repository) { delete(r.Tags, oci.FallbackTag(r.Tags["kept"])+".sig") }, apply.VerifyTags, "sha256-"},
	} {
		t.Run(name, func(t *testing.T) {
			w, remove := company(false)
			r := newRig(t, w, remove, memory.Options{})
			done := false
			r.registry.After(func(op call.Call) {
				if op.Op == call.DeleteManifest && !done {
					done = true
					r.registry.Edit(func(w *world.World) { c.damage(w.Repository("app")) })
				}
			})
			req := r.request()
			req.Verify = c.level
			verified := 0
			req.Events = func(e event.Event) {
				if _, ok := e.(event.Verified); ok {
					verified++
				}
			}
			result, err := applytest.Run(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if !result.Damaged || result.Undo != "regkeep undo "+result.RunID || verified != len(result.Verifications) {
				t.Errorf("%+v", result)
			}
			for _, v := range result.Verifications {
				if !v.OK != strings.HasPrefix(v.Tag, c.tag) && !(name == "a kept signature by name") {
					t.Errorf("%+v", v)
				}
			}
		})
	}
}

func deleteAttached(r *world.Repository, subject oci.Digest) {
	for digest, m := range r.Manifests {
		if m.Subject == subject {
			delete(r.Manifests, digest)
		}
	}
}

// Damage done before a crash is found by the resumed run, which did not see
// what was there before.
func TestAResumedRunComparesWithTheStart(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	req := r.request()
	req.Outcome = func(plan.Step, journal.Outcome) { cancel() }
	if _, err := applytest.Run(ctx, req); err != nil {
		t.Fatal(err)
	}
	r.registry.Edit(func(w *world.World) {
		app := w.Repository("app")
		delete(app.Manifests, app.Manifests[app.Tags["multi-kept"]].Children[1].Digest)
	})
	if result := r.resume(t); !result.Damaged {
		t.Error("not found")
	}
}

// What was missing before is nobody's damage, and a tag that others move
// meanwhile is looked at where it points now.
func TestVerificationAccusesNobodyWrongly(t *testing.T) {
	w, remove := company(false)
	app := w.Repository("app")
	app.Lose(app.Manifests[app.Manifests[app.Tags["multi-kept"]].Children[1].Digest])
	r := newRig(t, w, remove, memory.Options{})
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			r.registry.Edit(func(w *world.World) { app := w.Repository("app"); app.Tag("kept", app.Image(world.Image{})) })
		}
	})
	req := r.request()
	req.Verify = apply.VerifyBlobs
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if result.Damaged {
		t.Errorf("%+v", result.Verifications)
	}
}

// Nothing that needs no deleting costs a request, and nothing is asked twice
// per step without need: the price of a run, printed.
func TestThePriceOfARun(t *testing.T) {
	counts, _ := calm(t, memory.Options{})
	t.Logf("a plan of %d steps: %v", 9, counts)
	if counts[call.Tags] != 1 || counts[call.Probe] != 0 {
		t.Errorf("listings %d, probes %d", counts[call.Tags], counts[call.Probe])
	}
	if counts[call.Blob] != 0 {
		t.Error("blobs were opened")
	}
}
