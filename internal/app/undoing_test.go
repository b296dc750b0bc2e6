package app

import (
	"fmt"
	"testing"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// Of every repository exactly its own steps, entries of the journal and
// archived manifests are read.
func TestARunIsReadARepositoryAtATime(t *testing.T) {
	a := testApp(t)
	p := somePlan()
	p.Steps = nil
	for i := range 6 {
		p.Steps = append(p.Steps, plan.Step{
			Type: "step", Seq: i + 1, Registry: "r.example.com", Repository: []string{"a", "b", "c"}[i/2], Action: plan.DeleteManifest,
			Digest: oci.FromBytes(fmt.Append(nil, i)), Why: "root", Undo: plan.UndoUntilGC,
		})
	}
	p.Summary.Steps = len(p.Steps)
	stored, err := a.keep(p)
	if err != nil {
		t.Fatal(err)
	}
	state, err := a.store()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := state.Begin(ctx, journal.Run{ID: "r1", Kind: "remove", Started: noon}, stored.Text); err != nil {
		t.Fatal(err)
	}
	for i, s := range p.Steps {
		manifest := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: s.Digest, Body: fmt.Append(nil, i)}
		if err := state.Keep(ctx, archive.Entry{Run: "r1", Seq: s.Seq, Registry: s.Registry, Repository: s.Repository, Manifest: manifest, At: noon}, nil); err != nil {
			t.Fatal(err)
		}
		if err := state.Intend(ctx, journal.Intent{Run: "r1", Seq: s.Seq, Action: s.Action, At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for removed, err := range removedBy(ctx, state, "r1", stored) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, removed.Repository)
		if len(removed.Steps) != 2 || len(removed.State.Acted) != 2 || len(removed.Entries) != 2 {
			t.Errorf("%s: %d steps, %d in the journal, %d archived", removed.Repository, len(removed.Steps), len(removed.State.Acted), len(removed.Entries))
		}
		for _, entry := range removed.Entries {
			if entry.Repository != removed.Repository || !removed.State.Acted[entry.Seq] {
				t.Errorf("%s has %+v", removed.Repository, entry)
			}
		}
	}
	if fmt.Sprint(names) != "[a b c]" {
		t.Errorf("read %v", names)
	}
}
