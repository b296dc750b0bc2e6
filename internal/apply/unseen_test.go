package apply_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// lastHead is the fault of the last look at something, which is that of the
// verification.
func lastHead(t *testing.T, reference func(r *rig) string, kind error) fault.Fault {
	t.Helper()
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	r.registry.Forget()
	allDone(t, r.apply(t))
	f := fault.Fault{Op: call.Head, Reference: reference(r), Err: kind}
	for _, c := range r.registry.Calls() {
		if c.Op == f.Op && c.Reference == f.Reference {
			f.Nth++
		}
	}
	if f.Nth == 0 {
		t.Fatalf("nobody looked at %s", f.Reference)
	}
	return f
}

func keptTag(*rig) string { return "kept" }

// keptChild is the child that two indexes share, of which one stays.
func keptChild(r *rig) string {
	app := r.registry.State().Repositories["app"]
	return string(app.Manifests[app.Tags["multi-kept"]].Children[0].Digest)
}

// A look that fails is no damage and no success, whatever the registry's excuse;
// a resume looks again.
func TestALookThatFailedIsNoDamage(t *testing.T) {
	for _, kind := range []error{registry.ErrUnavailable, registry.ErrThrottled, registry.ErrDenied, registry.ErrMalformed} {
		for what, reference := range map[string]func(*rig) string{"kept": keptTag, "multi-kept": keptChild} {
			t.Run(fmt.Sprint(kind, " ", what), func(t *testing.T) {
				w, remove := company(false)
				r := newRig(t, w, remove, memory.Options{})
				req := r.request()
				script := r.faulty(&req, lastHead(t, reference, kind))
				result, err := applytest.Run(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if len(script.Unused()) > 0 {
					t.Fatal("the fault did not happen")
				}
				if result.Damaged || result.Broken != 0 || result.Unseen != 1 || result.Undo != "" || result.Open() != 0 {
					t.Errorf("%+v", result.Result)
				}
				for _, v := range result.Verifications {
					if v.Unseen != (v.Tag == what) || v.OK == v.Unseen {
						t.Errorf("%+v", v)
					}
					if v.Unseen && !strings.Contains(v.Error, "could not be looked at") {
						t.Errorf("it says %s", v.Error)
					}
				}
				if again := r.resume(t); again.Unseen != 0 || again.Damaged || again.Verified != result.Verified {
					t.Errorf("resumed: %+v", again.Result)
				}
			})
		}
	}
}

// What is known to be gone is damage, also where a look at something beside it
// failed.
func TestDamageBesideALookThatFailedIsFound(t *testing.T) {
	w, remove := company(false)
	r := newRig(t, w, remove, memory.Options{})
	req := r.request()
	r.faulty(&req, lastHead(t, keptChild, registry.ErrUnavailable))
	done := false
	r.registry.After(func(op call.Call) {
		if op.Op == call.DeleteManifest && !done {
			done = true
			r.registry.Edit(func(w *world.World) {
				app := w.Repository("app")
				delete(app.Manifests, app.Manifests[app.Tags["multi-kept"]].Children[1].Digest)
			})
		}
	})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Damaged || result.Broken != 1 || result.Unseen != 0 {
		t.Errorf("%+v: %+v", result.Result, result.Verifications)
	}
}
