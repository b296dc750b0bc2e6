package apply_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/undo"
)

// everythingIsArchived: every step that went has its entry, and every manifest
// and blob below it is there with the right bytes.
func (l *life) everythingIsArchived(t *testing.T) {
	t.Helper()
	a := l.open()
	defer l.crash()
	defer a.Close()
	there := map[oci.Digest]bool{}
	for entry, err := range a.Entries(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		there[entry.Manifest.Digest] = true
		l.wholeIn(t, a, l.before.Repositories[entry.Repository], entry.Manifest.Digest)
	}
	for _, s := range l.plan.Steps {
		if !there[s.Digest] {
			t.Errorf("step %d %s %s went without an archive", s.Seq, s.Action, s.Digest)
		}
	}
}

func (l *life) wholeIn(t *testing.T, a archive.Archive, was *world.Contents, digest oci.Digest) {
	t.Helper()
	m := was.Manifests[digest]
	if m == nil {
		return // it was not there before either
	}
	if _, err := a.Manifest(t.Context(), digest); err != nil {
		t.Errorf("manifest %s: %v", digest, err)
	}
	for _, child := range m.Children {
		l.wholeIn(t, a, was, child.Digest)
	}
	for _, blob := range append(slices.Clone(m.Layers), m.Config) {
		if blob == "" {
			continue
		}
		content, _, err := a.Blob(t.Context(), blob)
		if err != nil {
			t.Errorf("blob %s: %v", blob, err)
			continue
		}
		_ = content.Close()
	}
}

// collectGarbage is the registry's own: blobs that nothing reaches are gone.
func (l *life) collectGarbage() {
	swept := l.registry.World()
	used := map[oci.Digest]bool{}
	for _, repo := range swept.Repositories {
		for _, m := range repo.Manifests {
			used[m.Config] = true
			for _, layer := range m.Layers {
				used[layer] = true
			}
		}
	}
	maps.DeleteFunc(swept.Blobs, func(digest oci.Digest, _ []byte) bool { return !used[digest] })
	l.registry = memory.Load(swept, l.options)
}

// planUndo plans what brings everything back, from the archive alone or from
// plan, journal and archive.
func (l *life) planUndo(t *testing.T, alone bool) *plan.Plan {
	t.Helper()
	req := undo.Request{
		ID: "undo", Registries: []registry.Info{l.info}, Readers: map[string]registry.Reader{l.info.Name: l.registry.Reader()},
		Now: l.clock.Now().Add(time.Minute),
	}
	if alone {
		var entries []archive.Entry
		a := l.open()
		defer l.crash()
		defer a.Close()
		for entry, err := range a.Entries(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			req.Run.ID = entry.Run
			entries = append(entries, entry)
		}
		req.Archive, req.Removed = a, undo.FromArchive(entries)
	} else {
		for _, run := range l.state.Runs() {
			if run.PlanID == l.plan.Header.ID {
				req.Run = run
			}
		}
		req.Removed = applytest.Removed(l.plan, journal.Replay(l.state.Entries(req.Run.ID)), l.state.Archived(req.Run.ID))
	}
	p, err := applytest.Undo(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Blocked) > 0 {
		t.Fatalf("cannot be put back: %+v", p.Blocked)
	}
	return p
}

// checkReturned: in the middle of an undo nothing that stayed is touched, and
// what is back is right and whole; in the end everything is as it was before
// the run.
func (l *life) checkReturned(t *testing.T, what string, partial bool) {
	t.Helper()
	if !partial {
		for _, problem := range world.Check(l.before, l.registry.State(), world.Expectation{}) {
			t.Errorf("%s: %s", what, problem)
		}
		return
	}
	after := l.registry.State()
	for name, was := range l.before.Repositories {
		is := after.Repositories[name]
		for tag, digest := range was.Tags {
			if got, there := is.Tags[tag]; got != digest && (there || !l.expected.Removed[world.Ref{Repository: name, Tag: tag}]) {
				t.Errorf("%s: %s:%s points to %q, not %s", what, name, tag, got, digest)
			}
		}
		for digest, m := range was.Manifests {
			now := is.Manifests[digest]
			if now == nil {
				if !l.expected.Doomed[world.Node{Repository: name, Digest: digest}] {
					t.Errorf("%s: %s@%s is gone", what, name, digest)
				}
				continue
			}
			for _, child := range m.Children {
				if was.Manifests[child.Digest] != nil && is.Manifests[child.Digest] == nil {
					t.Errorf("%s: %s@%s is back without its child %s", what, name, digest, child.Digest)
				}
			}
			for _, blob := range append(slices.Clone(m.Layers), m.Config) {
				if was.Blobs[blob] && !is.Blobs[blob] {
					t.Errorf("%s: %s@%s is back without its blob %s", what, name, digest, blob)
				}
			}
		}
		if more := len(is.Tags) - len(was.Tags); more > 0 {
			t.Errorf("%s: %s has %d tags more than ever", what, name, more)
		}
	}
}
