package undo_test

import (
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

// A look at what is back that fails says so, and nothing of damage: the look at
// the tag itself, and the reading of what is below it.
func TestALookAtWhatIsBackThatFailedIsNoDamage(t *testing.T) {
	for _, op := range []call.Op{call.Head, call.Manifest} {
		run := func(f fault.Fault) (*rig, applytest.Told, *fault.Script) {
			r := remove(t, app(), gone, memory.Options{})
			req := r.request(build(t, r.undoing(t)))
			script := fault.New(f)
			req.Registries[r.info.Name] = apply.Registry{Reader: script.Reader(r.registry.Reader()), Mutator: r.registry.Mutator(), Concurrency: 1}
			r.registry.Forget()
			result, err := applytest.Run(t.Context(), req)
			if err != nil {
				t.Fatalf("%s: %v", op, err)
			}
			return r, result, script
		}
		r, _, _ := run(fault.Fault{Op: call.Untag, Nth: 1})
		last := fault.Fault{Op: op, Reference: "multi", Err: registry.ErrThrottled}
		if op == call.Manifest {
			last.Reference = string(r.before.Repositories["app"].Tags["multi"])
		}
		for _, c := range r.registry.Calls() {
			if c.Op == op && c.Reference == last.Reference {
				last.Nth++
			}
		}
		_, result, script := run(last)
		if len(script.Unused()) > 0 {
			t.Fatalf("%s: the fault did not happen", last)
		}
		if result.Damaged || result.Unseen != 1 || result.Verified != 4 || result.Open() != 0 {
			t.Errorf("%s: %+v %+v", last, result.Result, result.Verifications)
		}
	}
}

// Whether a manifest is back is not known where the look at it fails: nobody is
// told that it is not, and a resumed run brings the tag back.
func TestALookThatFailedSaysNothingOfWhatIsBack(t *testing.T) {
	looks := 0
	for nth := 1; ; nth++ {
		r := remove(t, app(), gone, memory.Options{})
		p := build(t, r.undoing(t))
		p.Summary.Hash = "undo"
		req := r.request(p)
		script := fault.New(fault.Fault{Op: call.Head, Reference: string(r.before.Repositories["app"].Tags["v1"]), Nth: nth, Err: registry.ErrUnavailable})
		req.Registries[r.info.Name] = apply.Registry{Reader: script.Reader(r.registry.Reader()), Mutator: r.registry.Mutator(), Concurrency: 1}
		result, _ := applytest.Run(t.Context(), req)
		if len(script.Unused()) > 0 {
			break
		}
		looks++
		for _, o := range result.Outcomes {
			if strings.Contains(o.Error, "is not back") {
				t.Errorf("look %d: %s %s: %s", nth, o.Action, o.Tag, o.Error)
			}
		}
		r.resume(t, p)
		r.same(t, "resumed")
	}
	if looks < 3 {
		t.Errorf("%d looks", looks)
	}
}
