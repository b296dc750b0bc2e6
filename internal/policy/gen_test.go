package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

var tagPool = []string{
	"latest", "prod", "v1.0.0", "v1.0.1", "v1.1.0", "v1.1.0-rc.1", "v2.0.0", "1.2", "main-7", "main-10", "main-9",
	"dev-3", "dev-20260101", "nightly-20260301", "nightly-20260302", "nightly-20260401", "pr-1", "pr-2", "20240131",
	"2024.01.31", "2024.11", "v1.1.0-rc.2", "main-007", "nightly-20260230", "dev-18446744073709551617",
}

// instants that people and machines stamp images with, few enough to tie.
func stamp(t *rapid.T, label string) time.Time {
	return rapid.SampledFrom([]time.Time{
		{}, time.Unix(0, 0), time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC), days(-400), days(-0.5), days(0), days(0.2), days(1), days(1.5), days(6.9), days(7), days(8),
		days(29), days(30), days(31), days(60), days(61), days(90), days(200), days(364), days(400), days(800), time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC),
	}).Draw(t, label)
}

// genWorld makes a repository of all that registries hold.
func genWorld(t *rapid.T) *world {
	w := newWorld()
	images := rapid.IntRange(1, 8).Draw(t, "images")
	var all []*inventory.Manifest
	pushes := rapid.Bool().Draw(t, "pushes")
	for i := range images {
		m := w.image(fmt.Sprintf("image%d", i), stamp(t, "created"))
		m.Labels = rapid.SampledFrom([]map[string]string{nil, {"hold": "true"}, {"quay.expires-after": "2w"}, {"ttl": "nonsense"}, {"ttl": "3d"}}).Draw(t, "labels")
		m.Annotations = rapid.SampledFrom([]map[string]string{nil, {"stage": "prod"}, {"org.opencontainers.image.expires": "2026-05-01T00:00:00Z"}, {"org.opencontainers.image.created": "2026-05-06T00:00:00Z"}}).Draw(t, "annotations")
		m.Platforms = rapid.SampledFrom([][]oci.Platform{nil, {{OS: "linux", Architecture: "amd64"}}, {{OS: "linux", Architecture: "arm64", Variant: "v8"}}}).Draw(t, "platforms")
		m.Bytes = rapid.SampledFrom([]int64{0, 10, 5_000_000}).Draw(t, "bytes")
		m.ArtifactType = rapid.SampledFrom([]string{"", oci.MediaTypeConfig, "application/vnd.cncf.helm.config.v1+json"}).Draw(t, "artifact type")
		if len(all) > 0 && rapid.IntRange(0, 3).Draw(t, "index") == 0 {
			index := w.index(fmt.Sprintf("index%d", i), rapid.SampledFrom(all).Draw(t, "child"), m)
			index.Disputed = rapid.SampledFrom([][]string{nil, {"hold"}, {"quay.expires-after", "ttl"}}).Draw(t, "disputed")
			all = append(all, index)
		}
		if rapid.IntRange(0, 9).Draw(t, "attachment") == 0 {
			m.Subject = sha("image0")
		}
		all = append(all, m)
	}
	if rapid.IntRange(0, 15).Draw(t, "strange") == 0 {
		m := w.image("strange", stamp(t, "created"))
		m.MediaType, m.Kind = "application/x-strange", oci.KindUnknown
		all = append(all, m)
	}
	w.repo.PullsRecorded = rapid.Bool().Draw(t, "pulls recorded")
	for _, tag := range rapid.SliceOfNDistinct(rapid.SampledFrom(tagPool), 0, len(tagPool), rapid.ID).Draw(t, "tags") {
		m := rapid.SampledFrom(all).Draw(t, "target")
		pointer := w.tag(tag, m.Digest)
		if pushes {
			pointer.Pushed = stamp(t, "pushed")
			if built, _ := (&evaluation{repo: w.repo, latest: now.Add(farAway)}).createdOf(m, 0); built != noTime && pointer.Pushed.UnixNano() < built {
				pointer.Pushed = time.Unix(0, built) // built before it was pushed
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "pulled?") == 0 {
			pointer.Pulled = stamp(t, "pulled")
		}
		if rapid.IntRange(0, 5).Draw(t, "seen?") == 0 {
			pointer.Seen = stamp(t, "seen")
		}
	}
	return w
}

// genEvidence uses some images.
func genEvidence(t *rapid.T, w *world) *usage.Evidence {
	if rapid.IntRange(0, 4).Draw(t, "evidence") == 0 {
		return nil
	}
	e := &usage.Evidence{Sources: []usage.Source{{Name: "cluster", Complete: rapid.IntRange(0, 4).Draw(t, "complete") > 0}}}
	for range rapid.IntRange(0, 2).Draw(t, "uses") {
		addUse(t, e, w)
	}
	return e
}

func addUse(t *rapid.T, e *usage.Evidence, w *world) {
	witness := usage.Witness{Source: "cluster", What: "pod shop/cart"}
	if rapid.Bool().Draw(t, "by tag") {
		e.Add(w.repo.Registry, w.repo.Name, rapid.SampledFrom(tagPool).Draw(t, "used tag"), "", witness)
		return
	}
	var digests []oci.Digest
	for digest := range w.repo.Manifests {
		digests = append(digests, digest)
	}
	slices.Sort(digests)
	e.Add(w.repo.Registry, w.repo.Name, "", rapid.SampledFrom(digests).Draw(t, "used digest"), witness)
}

// genFact draws a condition that may stand anywhere.
func genFact(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"tags: [\"v*\"]", "tags: [\"*\", \"!prod\"]", "tags: [/main-.*/]", "image_tags: {any: [prod]}", "image_tags: {all: [\"v*\", \"pr-*\"]}", "image_tags: {none: [\"v*\"]}",
		"labels: {hold: \"true\"}", "annotations: {stage: [prod, dr]}", "media_types: [\"**index**\"]", "artifact_types: [\"application/vnd.cncf.**\"]",
		"platforms: [linux/arm64]", "size_over: 1MB", "when: 'tag.startsWith(\"v1\")'", "when: 'age > duration(\"240h\")'", "when: 'labels[\"hold\"] == \"true\"'",
		"when: 'size > 100 && \"linux/amd64\" in platforms'", "when: 'pulled > now - duration(\"720h\")'",
	}).Draw(t, "fact")
}

func genDuration(t *rapid.T) string {
	return rapid.SampledFrom([]string{"36h", "1d", "7d", "30d", "2mo", "1y"}).Draw(t, "duration")
}

func genOrder(t *rapid.T, timed bool) string {
	by := []string{"", "", "", ", by: created", ", by: pushed", ", by: pulled"}
	if !timed {
		by = append(by, ", by: semver", ", by: name", ", by: {captured: n}", ", by: {captured: n, as: number}", ", per: kind", ", by: {captured: n}, per: kind", ", count: tags")
	}
	return rapid.SampledFrom(by).Draw(t, "order")
}

// genItem draws one item for a place.
func genItem(t *rapid.T, where place, depth int, negated bool) string {
	n := rapid.IntRange(1, 4).Draw(t, "n")
	options := []func() string{func() string { return genFact(t) }, func() string { return genFact(t) }}
	add := func(f func() string) { options = append(options, f, f) }
	if where == inRemove {
		add(func() string { return "older_than: " + genDuration(t) })
		add(func() string { return "not_pulled_for: " + genDuration(t) })
		add(func() string { return "expired: true" })
		if !negated {
			add(func() string { return fmt.Sprintf("beyond: %d%s", n, genOrder(t, false)) })
		}
	} else {
		add(func() string { return "within: " + genDuration(t) })
		add(func() string { return "pulled_within: " + genDuration(t) })
		if !negated {
			add(func() string { return "in_use: true" })
		}
	}
	if where == inKeep && !negated {
		add(func() string { return fmt.Sprintf("newest: %d%s", n, genOrder(t, false)) })
		add(func() string {
			period := rapid.SampledFrom([]string{"hourly", "daily", "weekly", "monthly", "yearly"}).Draw(t, "period")
			return fmt.Sprintf("%s: %d%s", period, n, genOrder(t, true))
		})
		add(func() string {
			return fmt.Sprintf("semver: {range: \">=1.0\", newest: %d, per: %s, prereleases: %t}", n, rapid.SampledFrom([]string{"major", "minor", "patch"}).Draw(t, "line"), n > 2)
		})
	}
	if depth > 0 {
		add(func() string { return "not: " + genItem(t, where, depth-1, !negated) })
		for _, group := range []string{"any", "all"} {
			options = append(options, func() string {
				return fmt.Sprintf("%s: [%s, %s]", group, genItem(t, where, depth-1, negated), genItem(t, where, depth-1, negated))
			})
		}
	}
	first := rapid.SampledFrom(options).Draw(t, "condition")()
	if rapid.IntRange(0, 4).Draw(t, "and") == 0 && !strings.Contains(first, "when:") {
		return "{" + first + ", when: '!untagged'}"
	}
	return "{" + first + "}"
}

// draft is a policy file in parts, so that laws can add to it.
type draft struct {
	head    string
	protect []string
	rules   []draftRule
}

type draftRule struct {
	selector     string
	remove, keep []string
}

func genItems(t *rapid.T, where place, least int) []string {
	items := make([]string, rapid.IntRange(least, 3).Draw(t, "items"))
	for i := range items {
		items[i] = genItem(t, where, 2, false)
	}
	return items
}

func genDraft(t *rapid.T) draft {
	d := draft{head: rapid.SampledFrom([]string{"", "unknown_age: old\n", "timezone: America/New_York\n", "expiry_label: ttl\n"}).Draw(t, "settings")}
	if rapid.Bool().Draw(t, "protects") {
		d.protect = []string{genItem(t, inProtect, 1, false)}
	}
	for _, selector := range []string{"tags: [\"/(?P<kind>main|dev)-(?P<n>[0-9]+)/\"]", "tags: [\"**\"], untagged: true"} {
		d.rules = append(d.rules, draftRule{selector: selector, remove: genItems(t, inRemove, 1), keep: genItems(t, inKeep, 0)})
	}
	strip := func(items []string) {
		for i := range items {
			for _, group := range []string{", by: {captured: n, as: number}", ", by: {captured: n}", ", per: kind"} {
				items[i] = strings.ReplaceAll(items[i], group, "")
			}
		}
	}
	strip(d.rules[1].remove)
	strip(d.rules[1].keep)
	return d
}

func (d draft) text() string {
	var b strings.Builder
	b.WriteString("version: 1\n" + d.head)
	if len(d.protect) > 0 {
		b.WriteString("protect: [" + strings.Join(d.protect, ", ") + "]\n")
	}
	b.WriteString("policies:\n  - repositories: [\"**\"]\n    rules:\n")
	for _, r := range d.rules {
		fmt.Fprintf(&b, "      - {%s, remove: [%s]", r.selector, strings.Join(r.remove, ", "))
		if len(r.keep) > 0 {
			fmt.Fprintf(&b, ", keep: [%s]", strings.Join(r.keep, ", "))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (d draft) policy(t *rapid.T) *Policy {
	p, err := Parse("policy.yaml", []byte(d.text()))
	if err != nil {
		t.Fatalf("%v\n%s", err, d.text())
	}
	return p
}

// clone copies a draft, so that a law can change it.
func (d draft) clone() draft {
	d.protect = slices.Clone(d.protect)
	d.rules = slices.Clone(d.rules)
	for i := range d.rules {
		d.rules[i].remove, d.rules[i].keep = slices.Clone(d.rules[i].remove), slices.Clone(d.rules[i].keep)
	}
	return d
}

// clone copies a world, so that a law can change it.
func (w *world) clone() *world {
	repo := *w.repo
	repo.Tags = slices.Clone(repo.Tags)
	repo.Gaps = slices.Clone(repo.Gaps)
	repo.Manifests = map[oci.Digest]*inventory.Manifest{}
	for digest, m := range w.repo.Manifests {
		copied := *m
		repo.Manifests[digest] = &copied
	}
	return &world{&repo}
}

// removed names the removed roots by tag and digest.
func removed(report Report) map[string]bool {
	set := map[string]bool{}
	for _, d := range report.Decisions {
		if d.Verdict == Remove {
			set[d.Root.Name()+"@"+string(d.Root.Digest)] = true
		}
	}
	return set
}

func subset(t *rapid.T, small, large map[string]bool, what string) {
	for name := range small {
		if !large[name] {
			t.Errorf("%s: %s", what, name)
		}
	}
}

func TestGeneratorsReachEveryCondition(t *testing.T) {
	reaches(t, func(t *rapid.T) string { return genDraft(t).text() },
		slices.DeleteFunc(slices.Concat(conditionKeys, nestingKeys, modifierKeys), func(k key) bool { return k.name == "everything" }))
}

// reaches fails unless policies that come from fixed seeds have every key:
// chance decides nothing.
func reaches(t *testing.T, generate func(*rapid.T) string, keys []key) {
	t.Helper()
	missing := map[string]bool{}
	for _, k := range keys {
		missing[k.name] = true
	}
	policies := rapid.Custom(generate)
	for seed := 0; seed < 2000 && len(missing) > 0; seed++ {
		text := policies.Example(seed)
		for name := range missing {
			if strings.Contains(text, name+": ") {
				delete(missing, name)
			}
		}
	}
	for name := range missing {
		t.Errorf("no generated policy has %s", name)
	}
}

func digestsOf(repo *inventory.Repository) []oci.Digest {
	var digests []oci.Digest
	for digest := range repo.Manifests {
		digests = append(digests, digest)
	}
	return digests
}

// reachable lists what stays when the roots named in gone go: all that the
// other roots lead to, and what is attached to it.
func (w *world) reachable(gone map[string]bool) map[oci.Digest]bool {
	stays := map[oci.Digest]bool{}
	var walk func(digest oci.Digest)
	walk = func(digest oci.Digest) {
		m := w.repo.Manifests[digest]
		if m == nil || stays[digest] {
			return
		}
		stays[digest] = true
		for _, child := range m.Children {
			walk(child.Digest)
		}
	}
	for _, root := range w.repo.Roots() {
		if !gone[root.Name()+"@"+string(root.Digest)] {
			walk(root.Digest)
		}
	}
	for i := range w.repo.Tags {
		if _, attached := w.repo.AttachmentOf(&w.repo.Tags[i]); attached {
			walk(w.repo.Tags[i].Digest)
		}
	}
	for digest, m := range w.repo.Manifests {
		if m.Subject != "" && stays[m.Subject] {
			walk(digest)
		}
	}
	return stays
}
