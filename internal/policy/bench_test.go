package policy

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// million is one repository with many roots under ten rules.
func million(n int) *inventory.Repository {
	streams := []string{"v1.%d.0", "main-%d", "dev-%d", "pr-%d", "nightly-%d", "release-%d", "sha-%d", "test-%d", "edge-%d", "x%d"}
	repo := &inventory.Repository{Registry: "r", Name: "big", Depth: inventory.Graph, Manifests: make(map[oci.Digest]*inventory.Manifest, n)}
	for i := range n {
		name := fmt.Sprintf(streams[i%10], i)
		digest := oci.Digest(fmt.Sprintf("sha256:%064x", i/2*7919)) // two tags on each
		repo.Tags = append(repo.Tags, inventory.Tag{Name: name, Digest: digest, Pushed: now.Add(-time.Duration(i) * 37 * time.Second)})
		if repo.Manifests[digest] == nil {
			repo.Manifests[digest] = &inventory.Manifest{
				Digest: digest, Kind: oci.KindImage, MediaType: oci.MediaTypeImage, Read: true, Bytes: 1 << 20,
				Created: now.Add(-time.Duration(i) * 41 * time.Second),
			}
		}
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) })
	return repo
}

const tenRules = `version: 1
protect: [{tags: ["keep-*", prod]}]
policies:
  - repositories: ["**"]
    rules:
      - {tags: ["v*"], remove: [{older_than: 1y}], keep: [{semver: {newest: 3, per: minor}}]}
      - {tags: ["/(?P<branch>main)-(?P<n>[0-9]+)/"], remove: [{older_than: 30d}], keep: [{newest: 10, per: branch}]}
      - {tags: ["dev-*"], remove: [{older_than: 14d}], keep: [{newest: 5}]}
      - {tags: ["pr-*"], remove: [{older_than: 7d}]}
      - {tags: ["nightly-*"], remove: [{everything: true}], keep: [{daily: 7}, {weekly: 4}, {monthly: 12}]}
      - {tags: ["release-*"], remove: [{beyond: 100}], keep: [{within: 1y}]}
      - {tags: ["sha-*"], remove: [{not: {size_over: 1kB}}, {older_than: 90d}], keep: [{image_tags: {any: ["v*"]}}]}
      - {tags: ["test-*"], remove: [{older_than: 1d}], keep: [{newest: 3, by: name}]}
      - {tags: ["edge-*"], remove: [{older_than: 30d}], keep: [{labels: {hold: "true"}}]}
      - {tags: ["**"], untagged: true, remove: [{older_than: 30d}], keep: [{newest: 5}]}
`

// BenchmarkEvaluate judges a million roots under ten rules. retained-B/root is
// what the report keeps alive; B/root is all that was allocated on the way.
func BenchmarkEvaluate(b *testing.B) {
	const roots = 1_000_000
	p, repo := parse(b, tenRules), million(roots)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := p.Evaluate(repo, nil, now)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	runtime.GC()
	runtime.ReadMemStats(&after)
	retained := after.HeapAlloc - before.HeapAlloc
	runtime.KeepAlive(kept)
	if len(kept.Decisions) != roots {
		b.Fatal(len(kept.Decisions))
	}
	kept = Report{}
	for b.Loop() {
		p.Evaluate(repo, nil, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/roots, "ns/root")
	b.ReportMetric(float64(allocated)/roots, "B/root")
	b.ReportMetric(float64(retained)/roots, "retained-B/root")
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		parse(b, tenRules)
	}
}
