package plan_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// drawn is a world with tags that somebody wants gone.
type drawn struct {
	w       *world.World
	options memory.Options
	removed map[world.Ref]bool // root tags
	grace   time.Duration
}

func draw(t *rapid.T) drawn {
	d := drawn{removed: map[world.Ref]bool{}}
	d.options = memory.Options{
		NoReferrers: rapid.Bool().Draw(t, "no referrers"),
		Rich:        rapid.Bool().Draw(t, "rich"),
		CountPulls:  rapid.Bool().Draw(t, "pulls counted"),
		Untagged:    rapid.Bool().Draw(t, "manifests listed"),
	}
	if rapid.Bool().Draw(t, "grace") {
		d.grace = 24 * time.Hour
	}
	d.w = world.FromSeed(rapid.Uint64().Draw(t, "seed"), world.Options{
		Fallback: d.options.NoReferrers, Times: rapid.Bool().Draw(t, "times"),
		Images: rapid.IntRange(1, 10).Draw(t, "images"), Repositories: rapid.IntRange(1, 3).Draw(t, "repositories"),
	})
	d.options.PushTimes = rapid.Bool().Draw(t, "push times")
	if !d.options.Untagged {
		hide(d.w)
	}
	for _, name := range d.w.Names() {
		for _, tag := range slices.Sorted(maps.Keys(d.w.Repositories[name].Tags)) {
			if rapid.Bool().Draw(t, "remove "+tag) {
				d.removed[world.Ref{Repository: name, Tag: tag}] = true
			}
		}
	}
	return d
}

// hide takes away what nobody can see in a registry that lists no manifests:
// whatever no tag leads to.
func hide(w *world.World) {
	for _, repo := range w.Repositories {
		seen := map[oci.Digest]bool{}
		for _, digest := range repo.Tags {
			seen[digest] = true
		}
		(&oracle{w: w, repo: repo}).closure(seen)
		maps.DeleteFunc(repo.Manifests, func(digest oci.Digest, _ *world.Manifest) bool { return !seen[digest] })
	}
}

func (d drawn) bench() *bench {
	b := newBench(d.w, d.options)
	b.settings.Grace, b.untagged = d.grace, d.options.Untagged
	b.gone = func(repository string, root inventory.Root) bool {
		return root.Tag != nil && d.removed[world.Ref{Repository: repository, Tag: root.Tag.Name}]
	}
	return b
}

// expectation is what the oracle says.
func (d drawn) expectation() world.Expectation {
	e := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}
	for name, repo := range d.w.Repositories {
		o := &oracle{w: d.w, repo: repo, grace: d.grace, pushed: d.options.PushTimes && d.options.Untagged, removed: func(tag string) bool { return d.removed[world.Ref{Repository: name, Tag: tag}] }}
		doomed := o.doomed()
		for digest := range doomed {
			e.Doomed[world.Node{Repository: name, Digest: digest}] = true
		}
		for tag, digest := range repo.Tags {
			if doomed[digest] || o.root(tag) && o.removed(tag) {
				e.Removed[world.Ref{Repository: name, Tag: tag}] = true
			}
		}
	}
	return e
}

// carryOut does what a step says and fails where the registry would.
func carryOut(t *rapid.T, r *memory.Registry, s plan.Step) {
	r.Edit(func(w *world.World) {
		repo := w.Repositories[s.Repository]
		switch s.Action {
		case plan.Untag:
			if repo.Tags[s.Tag] != s.Digest {
				t.Fatalf("step %d: tag %s is at %q, not at %s", s.Seq, s.Tag, repo.Tags[s.Tag], s.Digest)
			}
			for _, sibling := range s.Siblings {
				if repo.Tags[sibling] != s.Digest {
					t.Fatalf("step %d: sibling %s is at %q", s.Seq, sibling, repo.Tags[sibling])
				}
			}
			delete(repo.Tags, s.Tag)
		case plan.DeleteManifest:
			if repo.Manifests[s.Digest] == nil {
				t.Fatalf("step %d: manifest %s is not there (any more)", s.Seq, s.Digest)
			}
			for digest, m := range repo.Manifests {
				if slices.ContainsFunc(m.Children, func(c world.Child) bool { return c.Digest == s.Digest }) {
					t.Fatalf("step %d: %s is still listed by %s", s.Seq, s.Digest, digest)
				}
			}
			var takes []string
			for tag, at := range repo.Tags {
				if at == s.Digest {
					takes = append(takes, tag)
				}
			}
			slices.Sort(takes)
			if !slices.Equal(takes, s.Takes) {
				t.Fatalf("step %d: takes %q, the tags are %q", s.Seq, s.Takes, takes)
			}
			for _, tag := range takes {
				delete(repo.Tags, tag)
			}
			delete(repo.Manifests, s.Digest)
		default:
			t.Fatalf("step %d: %s", s.Seq, s.Action)
		}
	})
}

// Closure, partition of fates, each doomed manifest once, and a crash after
// any step leaves too much and nothing broken.
func TestWhatGoesIsWhatTheRulesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		b := d.bench()
		p := b.plan(t)
		for _, n := range p.Notices {
			if n.Type != "warning" {
				t.Fatalf("%s %s: %s", n.Type, n.Code, n.Message)
			}
		}
		expected := d.expectation()
		before := b.registry.State()
		partial := expected
		partial.Partial = true
		for _, s := range p.Steps {
			carryOut(t, b.registry, s)
			for _, problem := range world.Check(before, b.registry.State(), partial) {
				t.Fatalf("after step %d: %s", s.Seq, problem)
			}
		}
		for _, problem := range world.Check(before, b.registry.State(), expected) {
			t.Fatal(problem)
		}
		if freed := bytesOf(d.w, expected.Doomed); p.Summary.BytesFreed < freed || p.Summary.BytesExact && p.Summary.BytesFreed != freed {
			t.Fatalf("%d bytes become free (exact: %v), it should be %d", p.Summary.BytesFreed, p.Summary.BytesExact, freed)
		}
		again := d.bench()
		again.registry, again.reader = b.registry, b.registry.Reader()
		if more := again.plan(t); len(more.Steps) > 0 {
			t.Fatalf("planned again, %d more steps", len(more.Steps))
		}
	})
}

func encoded(t failer, p *plan.Plan) []byte {
	var out bytes.Buffer
	if err := plan.Write(&out, p, plan.All); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The order in which tags, decisions and manifests arrive changes nothing, and
// two runs give the same bytes. Repositories come in one order only.
func TestOrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		b := d.bench()
		all, gaps := b.additions(t)
		first := encoded(t, b.build(t, all, gaps))
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		shuffled := slices.Clone(all)
		for i := range shuffled {
			decisions := slices.Clone(shuffled[i].report.Decisions)
			random.Shuffle(len(decisions), func(i, j int) { decisions[i], decisions[j] = decisions[j], decisions[i] })
			shuffled[i].report.Decisions = decisions
			repo := *shuffled[i].repo
			repo.Manifests = map[oci.Digest]*inventory.Manifest{}
			digests := slices.Collect(maps.Keys(shuffled[i].repo.Manifests))
			random.Shuffle(len(digests), func(i, j int) { digests[i], digests[j] = digests[j], digests[i] })
			for _, digest := range digests {
				repo.Manifests[digest] = shuffled[i].repo.Manifests[digest]
			}
			shuffled[i].repo = &repo
		}
		if second := encoded(t, b.build(t, shuffled, gaps)); !bytes.Equal(first, second) {
			t.Fatalf("two plans:\n%s\n%s", first, second)
		}
		if third := encoded(t, b.plan(t)); !bytes.Equal(first, third) {
			t.Fatalf("scanned again, two plans:\n%s\n%s", first, third)
		}
	})
}

// Whatever could not be read, nothing goes from where it could not be read,
// and elsewhere only what would have gone anyway.
func TestGapsOnlyEverKeep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		b := d.bench()
		all, _ := b.additions(t)
		whole := b.build(t, all, nil)
		hit := all[rapid.IntRange(0, len(all)-1).Draw(t, "repository")].repo.Name
		registryWide := rapid.Bool().Draw(t, "of the registry")
		var gaps []inventory.Gap
		cut := slices.Clone(all)
		if registryWide {
			gaps = []inventory.Gap{{Code: "catalog", Registry: b.info.Name, Message: "cut off"}}
		} else {
			for i := range cut {
				if cut[i].repo.Name == hit {
					repo := *cut[i].repo
					repo.Gaps = []inventory.Gap{{Code: "manifest", Message: "cut off"}}
					cut[i].repo = &repo
				}
			}
		}
		p := b.build(t, cut, gaps)
		key := func(s plan.Step) string { return fmt.Sprint(s.Repository, s.Action, s.Tag, s.Digest, s.Takes) }
		allowed := map[string]bool{}
		for _, s := range whole.Steps {
			allowed[key(s)] = true
		}
		for _, s := range p.Steps {
			if registryWide || s.Repository == hit || !allowed[key(s)] {
				t.Fatalf("step %+v", s)
			}
		}
		for _, v := range p.Verdicts {
			if v.Verdict == "remove" && (registryWide || v.Repository == hit) {
				t.Fatalf("verdict %+v", v)
			}
		}
		if p.Summary.BytesFreed > whole.Summary.BytesFreed || len(notices(p, "gap")) != 1 {
			t.Fatalf("summary %+v, gaps %q", p.Summary, notices(p, "gap"))
		}
	})
}

// A manifest, any one, cannot be understood: it and what leads to it stays.
func TestUnreadableThingsAndWhatListsThemStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		b := d.bench()
		all, gaps := b.additions(t)
		a := &all[rapid.IntRange(0, len(all)-1).Draw(t, "repository")]
		digests := slices.Sorted(maps.Keys(a.repo.Manifests))
		if len(digests) == 0 {
			return
		}
		bad := digests[rapid.IntRange(0, len(digests)-1).Draw(t, "manifest")]
		repo := *a.repo
		repo.Manifests = maps.Clone(repo.Manifests)
		repo.Manifests[bad] = &inventory.Manifest{Digest: bad, Problem: "not understood", Mentions: digests[:1]}
		a.repo = &repo
		lists := map[oci.Digest]bool{bad: true, digests[0]: true}
		for grown := true; grown; {
			grown = false
			for digest, m := range repo.Manifests {
				for _, child := range m.Children {
					if lists[child.Digest] && child.Digest != digests[0] && !lists[digest] {
						lists[digest], grown = true, true
					}
				}
			}
		}
		p := b.build(t, all, gaps)
		if got := notices(p, "refusal"); len(got) > 0 {
			t.Fatalf("refused: %q", got)
		}
		for _, s := range p.Steps {
			if s.Repository == repo.Name && s.Action == plan.DeleteManifest && lists[s.Digest] {
				t.Fatalf("step %+v deletes what is not understood, lists it or is named by it", s)
			}
		}
	})
}
