package plan_test

import (
	"testing"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// What goes into quarantine goes with its children and attachments, can be
// undone at any time and frees nothing yet; what is removed outright is not held.
// It counts as a removal like any other.
func TestQuarantineTakesEverythingOfAnImageAlong(t *testing.T) {
	long, err := duration.Parse("14d")
	if err != nil {
		t.Fatal(err)
	}
	w, r := fresh()
	child := r.Image(world.Image{})
	index := r.Index(world.Index{Children: []*world.Manifest{child}})
	r.Tag("held", index)
	attached := r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: index})
	old(r, "gone")
	old(r, "kept")
	b := newBench(w, memory.Options{}).remove("held", "gone")
	b.settings.Quarantine = "held/back"
	b.settings.Grace = 0
	all, gaps := b.additions(t)
	for i := range all {
		for j := range all[i].report.Decisions {
			if d := &all[i].report.Decisions[j]; d.Root.Name() == "held" {
				d.Quarantine = &long
			}
		}
	}
	p := b.build(t, all, gaps)
	held := 0
	for _, s := range p.Steps {
		switch {
		case s.Digest == index.Digest, s.Digest == child.Digest, s.Digest == attached.Digest:
			held++
			if s.Quarantine != "held/back/"+s.Repository || s.For != "14d" || s.Undo != plan.UndoFull {
				t.Errorf("step %+v", s)
			}
		case s.Quarantine != "" || s.Undo != plan.UndoUntilGC:
			t.Errorf("removed outright: %+v", s)
		}
	}
	if held != 3 {
		t.Errorf("%d steps into quarantine: %+v", held, p.Steps)
	}
	if p.Summary.Remove != 2 {
		t.Errorf("%d removals", p.Summary.Remove)
	}
	outright := newBench(w, memory.Options{}).remove("gone").plan(t)
	if p.Summary.BytesFreed != outright.Summary.BytesFreed {
		t.Errorf("frees %d bytes, of which only %d are not held", p.Summary.BytesFreed, outright.Summary.BytesFreed)
	}
	b.settings.MaxRemovals = policy.Limit{Set: true, N: 1}
	if p := b.build(t, all, gaps); len(p.Steps) > 0 {
		t.Errorf("%d steps over the limit", len(p.Steps))
	}
	b.settings.Exempt = true // as in a holding repository, where it was counted
	b.settings.MaxRemovals = policy.Limit{Set: true, N: 0}
	if p := b.build(t, all, gaps); len(p.Steps) == 0 {
		t.Error("what was counted is counted again")
	}
}
