package reference_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/draw"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/reference"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Thousands of worlds and policies on every kind of registry: the product
// reads, decides and plans as the reference does.
func TestTheProductAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := drawRegistry(t)
		w := draw.World(t, world.Options{Fallback: true, Times: true})
		rules, expect := drawPolicy(t, options)
		text := write(rules)
		expect.Now = w.Now
		verdicts := rules.Verdicts(w, w.Now)
		expected := reference.Expect(w, verdicts, expect)

		got := product(t, memory.Load(w, options), text, w.Now)
		for root, want := range verdicts {
			if root.Tag == "" && !rules.Untagged {
				continue
			}
			if verdict := got.verdicts[named(root)]; verdict != want.String() {
				t.Errorf("%v is to be %q, want %s", root, verdict, want)
			}
		}
		same(t, "tag", got.expected.Removed, expected.Removed)
		same(t, "manifest", got.expected.Doomed, expected.Doomed)
		if t.Failed() {
			t.Logf("policy:\n%s\nregistry: %+v", text, options)
		}
	})
}

func same[K comparable](t *rapid.T, what string, got, want map[K]bool) {
	for k := range want {
		if !got[k] {
			t.Errorf("%s %v should go", what, k)
		}
	}
	for k := range got {
		if !want[k] {
			t.Errorf("%s %v should stay", what, k)
		}
	}
}

func drawRegistry(t *rapid.T) memory.Options {
	flip := func(name string) bool { return rapid.Bool().Draw(t, name) }
	return memory.Options{
		NoTagDelete: flip("no tag delete"), NoReferrers: flip("no referrers"), Rich: flip("rich"),
		Untagged: flip("lists untagged"), PushTimes: flip("push times"),
	}
}

func drawPolicy(t *rapid.T, options memory.Options) (reference.Policy, reference.Options) {
	flip := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
	patterns := func(name string) []string {
		if !flip(name) {
			return nil
		}
		return []string{rapid.SampledFrom([]string{"v*", "main-*", "*1*", "sha-*", "pr-?"}).Draw(t, name)}
	}
	p := reference.Policy{
		OlderThan: time.Duration(rapid.IntRange(1, 120).Draw(t, "days")) * 24 * time.Hour, Newest: rapid.IntRange(0, 5).Draw(t, "newest"),
		Tags: patterns("tags"), Keep: patterns("keep"), Protect: patterns("protect"), Everything: flip("everything"),
		Unprotected: flip("unprotected"), OldIfUnknown: flip("old"), NoFloor: flip("no floor"), PushTimes: options.PushTimes,
	}
	p.Unprotected = p.Unprotected && p.Protect == nil
	if p.Everything && p.Newest == 0 && p.Keep == nil && p.Protect == nil {
		p.Newest = 1
	}
	// Where ages do not matter nobody reads them, and then untagged manifests
	// of unknown age stay for the grace period's sake.
	p.Untagged = options.Untagged && !p.Everything && flip("untagged")
	// The page leaves open whether an untagged manifest is an image to the floor.
	p.NoFloor = p.NoFloor || p.Untagged
	p.ManifestTimes = options.PushTimes && p.Untagged // nobody asks for the list otherwise
	expect := reference.Options{
		Grace: 24 * time.Hour, NoUntag: options.NoTagDelete, NoReferrers: options.NoReferrers,
		ListsUntagged: p.Untagged, ManifestTimes: p.ManifestTimes,
	}
	return p, expect
}

// write is the policy as a file.
func write(p reference.Policy) string {
	var b strings.Builder
	quoted := func(patterns []string) string { return `["` + strings.Join(patterns, `", "`) + `"]` }
	b.WriteString("version: 1\n")
	if p.OldIfUnknown {
		b.WriteString("unknown_age: old\n")
	}
	if p.NoFloor {
		b.WriteString("floor: 0\n")
	}
	switch {
	case p.Unprotected:
		b.WriteString("protect: []\n")
	case p.Protect != nil:
		fmt.Fprintf(&b, "protect: [{tags: %s}]\n", quoted(p.Protect))
	}
	claimed := p.Tags
	if claimed == nil {
		claimed = []string{"**"}
	}
	fmt.Fprintf(&b, "policies:\n  - repositories: [\"**\"]\n    rules:\n      - tags: %s\n", quoted(claimed))
	if p.Untagged {
		b.WriteString("        untagged: true\n")
	}
	if p.Everything {
		b.WriteString("        remove: [{everything: true}]\n")
	} else {
		fmt.Fprintf(&b, "        remove: [{older_than: %dh}]\n", int(p.OlderThan.Hours()))
	}
	var keep []string
	if p.Newest > 0 {
		keep = append(keep, fmt.Sprintf("{newest: %d}", p.Newest))
	}
	if p.Keep != nil {
		keep = append(keep, "{tags: "+quoted(p.Keep)+"}")
	}
	if keep != nil {
		fmt.Fprintf(&b, "        keep: [%s]\n", strings.Join(keep, ", "))
	}
	return b.String()
}

// named leaves the digest of a tag away: where all tags of a repository stay,
// nobody asks for it.
func named(root reference.Root) reference.Root {
	if root.Tag != "" {
		root.Digest = ""
	}
	return root
}

type outcome struct {
	verdicts map[reference.Root]string
	expected world.Expectation
}

// product scans, decides and plans.
func product(t *rapid.T, m *memory.Registry, text string, now time.Time) outcome {
	rules, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	reader := m.Reader()
	describer, _ := registry.As[registry.Describer](reader)
	info, err := describer.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scanner := inventory.NewScanner(reader, info, inventory.Options{Workers: 2})
	made := &plan.Plan{}
	builder := plan.NewBuilder(plan.Header{Now: now, Registries: []registry.Info{info}}, plan.Options{Now: now}, plan.Into(made))
	tell := sync.OnceFunc(func() { builder.Gaps(scanner.Gaps()...) })
	for repo, err := range scanner.Scan(t.Context(), rules) {
		if err != nil {
			t.Fatal(err)
		}
		tell()
		report := rules.Evaluate(repo, nil, now)
		if removed := report.Removes(); len(removed) > 0 {
			if repo, err = scanner.Deepen(t.Context(), repo, removed); err != nil {
				t.Fatal(err)
			}
		}
		if err := builder.Add(repo, report, rules.Settings(report.Policy)); err != nil {
			t.Fatal(err)
		}
	}
	tell()
	if _, err := builder.Finish(0, 0); err != nil {
		t.Fatal(err)
	}
	got := outcome{map[reference.Root]string{}, world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}}
	for _, verdict := range made.Verdicts {
		got.verdicts[named(reference.Root{Repository: verdict.Repository, Tag: verdict.Tag, Digest: verdict.Digest})] = verdict.Verdict
	}
	for _, step := range made.Steps {
		for _, tag := range append(step.Takes, step.Tag) {
			if tag != "" {
				got.expected.Removed[world.Ref{Repository: step.Repository, Tag: tag}] = true
			}
		}
		if step.Action == plan.DeleteManifest {
			got.expected.Doomed[world.Node{Repository: step.Repository, Digest: step.Digest}] = true
		}
	}
	for _, notice := range made.Notices {
		if notice.Type == "gap" || notice.Type == "refusal" {
			t.Errorf("%s: %s: %s", notice.Type, notice.Code, notice.Message)
		}
	}
	return got
}
