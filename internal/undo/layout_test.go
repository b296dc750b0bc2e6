package undo_test

import (
	"maps"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/undo"
)

// After the registry collected its garbage and the state file was lost, the
// layout alone brings everything back.
func TestUndoFromALayoutAfterGarbageCollection(t *testing.T) {
	layout, err := archive.OpenLayout(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{registry: memory.Load(app(), memory.Options{}), state: applytest.NewState(applytest.Failure{}), now: app().Now}
	r.info = registry.Info{Name: "memory"}
	r.before = r.registry.State()
	r.plan, _ = applytest.Plan(app(), r.info, gone, app().Now)
	req := r.request(r.plan)
	req.Archive = archive.Stack{r.state, layout}
	if _, err := applytest.Run(t.Context(), req); err != nil {
		t.Fatal(err)
	}

	swept := r.registry.World()
	for digest := range maps.Clone(swept.Blobs) {
		used := false
		for _, m := range swept.Repositories["app"].Manifests {
			used = used || m.Config == digest
			for _, layer := range m.Layers {
				used = used || layer == digest
			}
		}
		if !used {
			delete(swept.Blobs, digest)
		}
	}
	if len(swept.Blobs) == len(app().Blobs) {
		t.Fatal("nothing was collected")
	}
	r.registry, r.state = memory.Load(swept, memory.Options{}), applytest.NewState(applytest.Failure{})

	var entries []archive.Entry
	for entry, err := range layout.Entries(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	p := build(t, undo.Request{
		ID: "undo", Run: journal.Run{ID: "lost"}, Removed: undo.FromArchive(entries), Archive: layout, Registries: []registry.Info{r.info},
		Readers: map[string]registry.Reader{"memory": r.registry.Reader()}, Now: r.now,
	})
	if len(p.Blocked) > 0 {
		t.Fatalf("%+v", p.Blocked)
	}
	req = r.request(p)
	req.Archive, req.Verify = archive.Stack{r.state, layout}, apply.VerifyBlobs
	result, err := applytest.Run(t.Context(), req)
	if err != nil || result.Damaged {
		t.Fatal(err, result.Verifications)
	}
	for _, problem := range world.Check(r.before, r.registry.State(), world.Expectation{}) {
		t.Error(problem)
	}
}
