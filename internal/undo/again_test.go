package undo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// A tag that the registry was not available for is put once more after half a
// minute of looks, unless somebody has pushed it by then.
func TestATagThatIsPushedBeforeItIsPutAgain(t *testing.T) {
	for _, pushes := range []bool{false, true} {
		r := remove(t, app(), gone, memory.Options{})
		p := build(t, r.undoing(t))
		req := r.request(p)
		script := fault.New(fault.Fault{Op: call.PutManifest, Reference: "v1", Nth: 1, Kind: fault.Refuse, Err: registry.ErrUnavailable})
		req.Registries[r.info.Name] = apply.Registry{Reader: script.Reader(r.registry.Reader()), Mutator: script.Mutator(r.registry.Mutator()), Concurrency: 1}
		var theirs oci.Digest
		req.Sleep = func(ctx context.Context, _ time.Duration) error {
			if pushes && theirs == "" {
				r.registry.Edit(func(w *world.World) {
					theirs = w.Repository("app").Tags["multi-kept"]
					w.Repository("app").Tags["v1"] = theirs
				})
			}
			return ctx.Err()
		}
		result, err := applytest.Run(t.Context(), req)
		if err != nil || len(script.Unused()) > 0 {
			t.Fatalf("%v, unused faults %v", err, script.Unused())
		}
		switch is := r.registry.State().Repositories["app"].Tags["v1"]; {
		case !pushes && result.Open() == 0:
			r.same(t, "put again")
		case !pushes || is != theirs || result.Counts[journal.Changed] != 1:
			t.Errorf("v1 is %s, %v", is, result.Counts)
		}
	}
}

// heldBack holds the first tag back until somebody has pushed it.
type heldBack struct {
	mutate.Mutator
	push func()
}

func (h *heldBack) PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error {
	_, limited := registry.SendBy(ctx)
	if isTag := oci.ValidTag(reference); isTag != limited {
		return fmt.Errorf("%s may be sent at any time: %v", reference, !limited)
	}
	if push := h.push; push != nil && reference == "v1" {
		h.push = nil
		push()
		return registry.ErrLate
	}
	return h.Mutator.PutManifest(ctx, repository, reference, manifest)
}

// A tag that the registry's limits held back is not put on an old look.
func TestATagThatIsPushedWhileItIsHeldBack(t *testing.T) {
	r := remove(t, app(), gone, memory.Options{})
	p := build(t, r.undoing(t))
	var theirs oci.Digest
	req := r.request(p)
	req.Registries[r.info.Name] = apply.Registry{Reader: r.registry.Reader(), Mutator: &heldBack{r.registry.Mutator(), func() {
		r.registry.Edit(func(w *world.World) {
			theirs = w.Repository("app").Tags["multi-kept"]
			w.Repository("app").Tags["v1"] = theirs
		})
	}}}
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if is := r.registry.State().Repositories["app"].Tags["v1"]; is != theirs || result.Counts[journal.Changed] != 1 || result.Open() != 1 {
		t.Errorf("v1 is %s, %v", is, result.Counts)
	}
}
