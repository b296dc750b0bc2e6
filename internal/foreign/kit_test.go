package foreign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time { return now.Add(-time.Duration(days * float64(day))) }

// image as the vendor's registry knows it: it always knows its times.
type image struct {
	name                    string
	tags                    []string
	created, pushed, pulled time.Time // pulled is zero where it never was
	hidden                  bool      // regkeep does not learn the times
	// tagged are the times at which single tags were pushed, where the vendor
	// has such and pushed is the latest of them.
	tagged map[string]time.Time
}

type world struct {
	repository string
	images     []*image
}

var tagPool = []string{
	"latest", "prod-1", "prod-2", "prod-10", "dev-1", "dev-2", "dev-9", "dev-10", "v1.0.0", "v1.1.0", "v2.0.0", "pr-1", "pr-2", "alpha-prod", "x",
}

func genWorld(t *rapid.T) *world {
	w := &world{repository: rapid.SampledFrom([]string{"team/app", "team/base", "proj/repo/app", "other/tool"}).Draw(t, "repository")}
	tags := rapid.Permutation(tagPool).Draw(t, "tags")
	for i := range rapid.IntRange(1, 9).Draw(t, "images") {
		one := &image{name: fmt.Sprintf("image%d", i)}
		n := min(rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "n"), len(tags))
		one.tags, tags = tags[:n:n], tags[n:]
		age := rapid.SampledFrom([]float64{0.5, 1, 2, 5, 7, 7.3, 8, 10, 20, 29.4, 30, 30.2, 31, 45, 60, 90, 120, 400})
		built, pushed := age.Draw(t, "created"), age.Draw(t, "pushed")
		one.pushed = ago(pushed)
		one.created = ago(max(built, pushed)) // it is built before it is pushed
		if rapid.Bool().Draw(t, "pulled?") {
			one.pulled = ago(min(pushed, age.Draw(t, "pulled")))
		}
		one.hidden = rapid.IntRange(0, 9).Draw(t, "hidden") == 0
		w.images = append(w.images, one)
	}
	return w
}

// inventory of the world, as regkeep would read it.
func (w *world) inventory() *inventory.Repository {
	repo := &inventory.Repository{
		Registry: "r.example.com", Name: w.repository, Depth: inventory.Graph, PullsRecorded: true,
		Manifests: map[oci.Digest]*inventory.Manifest{},
	}
	for _, one := range w.images {
		m := &inventory.Manifest{Digest: oci.FromBytes([]byte(one.name)), MediaType: oci.MediaTypeImage, Kind: oci.KindImage, Read: true, Bytes: 100}
		if !one.hidden {
			m.Created, m.Pushed, m.Pulled = one.created, one.pushed, one.pulled
		}
		repo.Manifests[m.Digest] = m
		if one.tagged != nil {
			m.Pushed = time.Time{}
		}
		for _, tag := range one.tags {
			pushed := m.Pushed
			if at, there := one.tagged[tag]; there && !one.hidden {
				pushed = at
			}
			repo.Tags = append(repo.Tags, inventory.Tag{Name: tag, Digest: m.Digest, Pushed: pushed, Pulled: m.Pulled})
		}
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) })
	return repo
}

// roots of an image: its tags, or its name where it has none.
func (i *image) roots() []string {
	if len(i.tags) == 0 {
		return []string{i.name}
	}
	return i.tags
}

// anyOf says whether one of the tags satisfies.
func (i *image) anyOf(f func(tag string) bool) bool { return slices.ContainsFunc(i.tags, f) }

// newest gives the n first of an order that puts the newest first; which of two
// that tie comes first is the vendor's whim.
func newest[T any](all []T, n int, at func(T) time.Time) []T {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b T) int { return at(b).Compare(at(a)) })
	return sorted[:max(0, min(n, len(sorted)))]
}

// removedImages turns removed images into removed roots.
func removedImages(images ...*image) map[string]bool {
	roots := map[string]bool{}
	for _, one := range images {
		for _, root := range one.roots() {
			roots[root] = true
		}
	}
	return roots
}

// count of removals in all runs of a property, so that none is vacuous.
type count struct{ theirs, ours int }

// subset is the law: what the imported policy removes, the vendor would.
func (c *count) subset(t *rapid.T, format string, original []byte, w *world, theirs map[string]bool) {
	result, err := Import(format, original)
	if err != nil {
		t.Fatalf("%v\n%s", err, original)
	}
	ours := removed(t, result.Policy, w)
	for root := range ours {
		if !theirs[root] {
			t.Fatalf("%s goes, and the original keeps it\n%s\n%s\n%s", root, original, result.Policy, w)
		}
	}
	c.theirs += len(theirs)
	c.ours += len(ours)
}

// told checks that the property saw removals at all.
func (c *count) told(t *testing.T, least float64) {
	t.Logf("the originals removed %d roots, the imported policies %d of them", c.theirs, c.ours)
	if float64(c.ours) < least*float64(c.theirs) || c.ours == 0 {
		t.Errorf("only %d of %d removals are left: the importer drops too much", c.ours, c.theirs)
	}
}

type fataler interface{ Fatalf(string, ...any) }

func removed(t fataler, text []byte, w *world) map[string]bool {
	p, err := policy.Parse("imported.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	roots := map[string]bool{}
	report := p.Evaluate(w.inventory(), nil, now)
	for _, d := range report.Decisions {
		if d.Verdict != policy.Remove {
			continue
		}
		name := d.Root.Name()
		for _, one := range w.images {
			if name == "" && oci.FromBytes([]byte(one.name)) == d.Root.Digest {
				name = one.name
			}
		}
		roots[name] = true
	}
	return roots
}

func (w *world) String() string {
	var b strings.Builder
	b.WriteString(w.repository)
	for _, one := range w.images {
		fmt.Fprintf(&b, "\n%s %v pushed %s created %s pulled %s hidden %t", one.name, one.tags, one.pushed.Format(time.DateTime), one.created.Format(time.DateTime), one.pulled.Format(time.DateTime), one.hidden)
	}
	return b.String()
}

// at puts together a world by hand: tags pushed so many days ago.
func at(repository string, tags map[string]float64) *world {
	w := &world{repository: repository}
	for tag, age := range tags {
		w.images = append(w.images, &image{name: "of " + tag, tags: []string{tag}, created: ago(age), pushed: ago(age)})
	}
	return w
}

// expect imports an example of a vendor and compares what goes.
func expect(t *testing.T, format, original string, w *world, goes ...string) Result {
	t.Helper()
	result, err := Import(format, []byte(original))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := policy.Parse("imported.yaml", result.Policy); err != nil || len(p.Warnings()) > 0 {
		t.Errorf("the import looks like a mistake: %v %+v\n%s", err, p.Warnings(), result.Policy)
	}
	got := removed(t, result.Policy, w)
	if len(got) != len(goes) {
		t.Errorf("%v go, want %v\n%s", got, goes, result.Policy)
	}
	for _, tag := range goes {
		if !got[tag] {
			t.Errorf("%s stays\n%s", tag, result.Policy)
		}
	}
	return result
}

func marshal(v any) []byte {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return text
}

func has(notes []Note, kind Kind, where string) bool {
	return slices.ContainsFunc(notes, func(n Note) bool { return n.Kind == kind && n.Where == where })
}
