package reference_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/draw"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/reference"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// removing says remove for the named tags and keep for everything else.
func removing(w *world.World, tags ...string) reference.Verdicts {
	verdicts := reference.Verdicts{}
	for _, r := range w.Repositories {
		for _, root := range reference.Roots(r) {
			for _, tag := range tags {
				if root.Tag == tag {
					verdicts[root] = reference.Remove
				}
			}
		}
	}
	return verdicts
}

// check compares the doomed manifests and removed tags with those named.
func check(t *testing.T, expected world.Expectation, names map[string]*world.Manifest, doomed, removed []string) {
	t.Helper()
	want := map[world.Node]bool{}
	for _, name := range doomed {
		want[world.Node{Repository: "app", Digest: names[name].Digest}] = true
	}
	for name, m := range names {
		node := world.Node{Repository: "app", Digest: m.Digest}
		if expected.Doomed[node] != want[node] {
			t.Errorf("%s doomed: %v, want %v", name, expected.Doomed[node], want[node])
		}
	}
	if len(expected.Doomed) != len(want) {
		t.Errorf("%d are doomed, want %d", len(expected.Doomed), len(want))
	}
	for _, tag := range removed {
		if !expected.Removed[world.Ref{Repository: "app", Tag: tag}] {
			t.Errorf("tag %s should be removed", tag)
		}
	}
	if len(expected.Removed) != len(removed) {
		t.Errorf("removed tags %v, want %v", expected.Removed, removed)
	}
}

// ble-scale-sync#77 and its like: children that are tagged or shared; chains
// of attachments; siblings on one digest; orphans.
func TestFatesByHand(t *testing.T) {
	w := world.New(now)
	r := w.Repository("app")
	m := map[string]*world.Manifest{}
	image := func(name string) *world.Manifest {
		m[name] = r.Image(world.Image{Created: ago(90)})
		return m[name]
	}
	index := func(name string, children ...*world.Manifest) *world.Manifest {
		m[name] = r.Index(world.Index{Children: children})
		return m[name]
	}
	artifact := func(name string, of *world.Manifest) *world.Manifest {
		m[name] = r.Artifact(world.Artifact{Type: "application/vnd.example." + name, Subject: of})
		return m[name]
	}
	index("old", image("own child"), image("tagged child"), image("shared child"))
	index("nested old", index("inner", image("deep child")), m["own child"])
	index("kept", m["shared child"])
	artifact("sbom", m["old"])
	artifact("signature of sbom", m["sbom"])
	artifact("sbom of child", m["own child"])
	artifact("sbom of shared", m["shared child"])
	m["cosign"] = r.Cosign(m["old"].Digest, "sig")
	m["cosign of kept"] = r.Cosign(m["kept"].Digest, "sig")
	m["cosign orphan"] = r.Cosign(w.Missing().Digest, "sig")
	artifact("orphan", w.Missing())
	image("untagged")
	r.Tag("old", m["old"])
	r.Tag("nested", m["nested old"])
	r.Tag("child", m["tagged child"])
	r.Tag("kept", m["kept"])
	r.Tag("sibling", m["kept"])
	r.Tag("sbom-tag", m["sbom"])

	options := reference.Options{Now: now}
	cosign := oci.FallbackTag(m["old"].Digest) + ".sig"
	gone := []string{"old", "nested old", "inner", "deep child", "own child", "sbom", "signature of sbom", "sbom of child", "cosign"}

	expected := reference.Expect(w, removing(w, "old", "nested", "sibling"), options)
	check(t, expected, m, gone, []string{"old", "nested", "sibling", "sbom-tag", cosign})

	options.NoUntag = true
	expected = reference.Expect(w, removing(w, "old", "nested", "sibling"), options)
	check(t, expected, m, gone, []string{"old", "nested", "sbom-tag", cosign})

	options = reference.Options{Now: now, RemoveOrphans: true, ListsUntagged: true}
	orphan := ""
	for tag, digest := range r.Tags {
		if digest == m["cosign orphan"].Digest {
			orphan = tag
		}
	}
	expected = reference.Expect(w, removing(w), options)
	check(t, expected, m, []string{"orphan", "cosign orphan"}, []string{orphan})

	expected = reference.Expect(w, removing(w, "old"), reference.Options{Now: now})
	check(t, expected, m, []string{"old", "sbom", "signature of sbom", "cosign"}, []string{"old", "sbom-tag", cosign})
}

// An orphan stays also where an index that goes lists it.
func TestAnOrphanStaysWhateverListsIt(t *testing.T) {
	w := world.New(now)
	r := w.Repository("app")
	m := map[string]*world.Manifest{"orphan": r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: w.Missing()})}
	m["index"] = r.Index(world.Index{Children: []*world.Manifest{m["orphan"]}})
	r.Tag("old", m["index"])
	expected := reference.Expect(w, removing(w, "old"), reference.Options{Now: now})
	check(t, expected, m, []string{"index"}, []string{"old"})
}

// das-schiff#286: what was pushed by digest before its index was.
func TestGrace(t *testing.T) {
	for _, test := range []struct {
		name            string
		created, pushed string
		stays           bool
	}{
		{"built long ago", ago(90), "", false},
		{"built an hour ago", world.At(now.Add(-time.Hour)), "", true},
		{"built nobody knows when", "", "", true},
		{"pushed an hour ago", ago(90), world.At(now.Add(-time.Hour)), true},
		{"pushed long ago", world.At(now.Add(-time.Hour)), ago(2), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world.New(now)
			r := w.Repository("app")
			m := map[string]*world.Manifest{"child": r.Image(world.Image{Created: test.created})}
			m["index"] = r.Index(world.Index{Children: []*world.Manifest{m["child"]}})
			m["sbom"] = r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: m["child"]})
			r.Tag("old", m["index"])
			if test.pushed != "" {
				r.Pushed[string(m["child"].Digest)], _ = time.Parse(time.RFC3339, test.pushed)
			}
			expected := reference.Expect(w, removing(w, "old"), reference.Options{Now: now, Grace: day, ManifestTimes: true})
			doomed := []string{"index", "child", "sbom"}
			if test.stays {
				doomed = doomed[:1]
			}
			check(t, expected, m, doomed, []string{"old"})
		})
	}
}

func TestFreedBytesCountEveryBlobOnceOverTheRegistry(t *testing.T) {
	w := world.New(now)
	shared, twice := w.Layer(), w.Layer()
	app, other := w.Repository("app"), w.Repository("other")
	one := app.Image(world.Image{Layers: []oci.Digest{shared, twice}})
	two := app.Image(world.Image{Layers: []oci.Digest{twice}})
	other.Tag("kept", other.Image(world.Image{Layers: []oci.Digest{shared}}))
	app.Tag("old", one)
	app.Tag("older", two)
	var want int64
	for _, blob := range []oci.Digest{one.Config, two.Config, one.Layers[2], two.Layers[1], twice} {
		want += int64(len(w.Blobs[blob]))
	}
	expected := reference.Expect(w, removing(w, "old", "older"), reference.Options{Now: now})
	if got := reference.Freed(w, expected); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// Doing what is expected, by the plainest means, leaves what the checker wants
// to see; and every law that holds of any verdicts holds of these.
func TestExpectationsCanBeCarriedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw.World(t, world.Options{Fallback: true, Times: true})
		policy := reference.Policy{
			OlderThan: time.Duration(rapid.IntRange(0, 90).Draw(t, "days")) * day, Newest: rapid.IntRange(0, 4).Draw(t, "newest"),
			Everything: rapid.Bool().Draw(t, "everything"), PushTimes: rapid.Bool().Draw(t, "push times"),
		}
		verdicts := policy.Verdicts(w, w.Now)
		options := reference.Options{Now: w.Now, Grace: day, RemoveOrphans: rapid.Bool().Draw(t, "orphans")}
		expected := reference.Expect(w, verdicts, options)

		more := policy
		more.Newest++
		for root, verdict := range more.Verdicts(w, w.Now) {
			if policy.Newest > 0 && verdict == reference.Remove && verdicts[root] != reference.Remove {
				t.Errorf("keeping one more removes %v", root)
			}
		}

		m := memory.Load(w, memory.Options{})
		before := m.State()
		carryOut(t, m.Mutator(), w, expected)
		for _, problem := range world.Check(before, m.State(), expected) {
			t.Error(problem)
		}

		// Planning once more at the same instant removes nothing more.
		left := m.World()
		again := reference.Expect(left, policy.Verdicts(left, w.Now), options)
		for ref := range again.Removed {
			t.Errorf("a second time %v goes too", ref)
		}
	})
}

// carryOut untags what survives and deletes the doomed, in any order.
func carryOut(t *rapid.T, m mutate.Mutator, w *world.World, expected world.Expectation) {
	for ref := range expected.Removed {
		digest := w.Repositories[ref.Repository].Tags[ref.Tag]
		if expected.Doomed[world.Node{Repository: ref.Repository, Digest: digest}] {
			continue
		}
		if err := m.Untag(t.Context(), mutate.Tag{Repository: ref.Repository, Name: ref.Tag}); err != nil {
			t.Fatal(err)
		}
	}
	for node := range expected.Doomed {
		if err := m.DeleteManifest(t.Context(), node.Repository, node.Digest); err != nil {
			t.Fatal(err)
		}
	}
}
