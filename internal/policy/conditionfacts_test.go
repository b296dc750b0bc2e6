package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// A label that only some platform images of an index have decides nothing.
func TestLabelsThatPlatformImagesDoNotShare(t *testing.T) {
	w := newWorld()
	m := w.image("a", days(10), "a")
	m.Labels, m.Disputed = map[string]string{"team": "x"}, []string{"hold", "quay.expires-after"}
	w.image("b", days(10), "b")
	for condition, expected := range map[string]string{
		`labels: {hold: "true"}`:            "a=hold b=keep",
		`labels: {team: x}`:                 "a=remove b=keep",
		`labels: {hold: "true", team: y}`:   "a=keep b=keep",
		`not: {labels: {hold: "true"}}`:     "a=hold b=remove",
		`expired: true`:                     "a=hold b=keep",
		`when: '!("hold" in labels)'`:       "a=hold/unreadable b=remove",
		`when: '"x" in labels || size > 5'`: "a=hold b=keep",
	} {
		m.Bytes, w.repo.Manifests[w.repo.Tags[1].Digest].Bytes = 1, 1
		expect(t, line(t, w, "remove: [{"+condition+"}]"), expected)
	}
	expect(t, line(t, w, `remove: [{older_than: 1d}], keep: [{labels: {hold: "true"}}]`), "a=hold b=remove")
}

func TestFacts(t *testing.T) {
	w := newWorld()
	a := w.image("a", days(10), "a", "prod")
	a.Labels, a.Annotations = map[string]string{"hold": "true"}, map[string]string{"stage": "dr"}
	a.Platforms, a.Bytes = []oci.Platform{{OS: "linux", Architecture: "arm64", Variant: "v8"}}, 3<<30
	b := w.image("b", days(10), "b")
	b.Bytes, b.ArtifactType = 0, "application/vnd.cncf.helm.config.v1+json"
	w.image("u", days(10))
	for condition, expected := range map[string]string{
		`labels: {hold: "true"}`:                                    "a=remove prod=remove b=keep untagged=keep",
		`labels: {hold: "t*", other: "*"}`:                          "a=keep",
		`annotations: {stage: [prod, dr]}`:                          "a=remove b=keep",
		`platforms: [linux/arm64]`:                                  "a=remove b=keep",
		`platforms: [linux/arm64/v7]`:                               "a=keep",
		`artifact_types: ["**helm**"]`:                              "a=keep b=remove",
		`media_types: ["application/vnd.oci.image.manifest**"]`:     "a=remove",
		`size_over: 2GiB`:                                           "a=remove b=hold/unreadable untagged=keep",
		`tags: ["*"]`:                                               "a=remove untagged=keep",
		`tags: ["!prod"]`:                                           "a=remove prod=keep untagged=keep",
		`image_tags: {any: [prod]}`:                                 "a=remove prod=remove b=keep untagged=keep",
		`image_tags: {all: [a, prod]}`:                              "a=remove prod=remove b=keep untagged=keep",
		`image_tags: {none: [prod]}`:                                "a=keep b=remove untagged=remove",
		`not: {tags: [a]}`:                                          "a=keep b=remove untagged=remove",
		`not: {size_over: 2GiB}`:                                    "a=keep b=hold",
		`any: [{tags: [a]}, {tags: [b]}]`:                           "a=remove b=remove prod=keep",
		`all: [{tags: [a]}, {size_over: 1B}]`:                       "a=remove b=keep",
		`tags: [b], size_over: 1B`:                                  "a=keep b=hold",
		`when: 'tag == "a" && labels["hold"] == "true"'`:            "a=remove prod=keep untagged=hold",
		`when: 'labels["hold"] == "true"'`:                          "a=remove b=hold/unreadable",
		`when: '"hold" in labels'`:                                  "a=remove b=keep untagged=keep",
		`when: 'size > 5'`:                                          "a=remove b=hold",
		`when: 'size > 5 || !untagged'`:                             "b=remove",
		`when: 'age > duration("200h") && created < now'`:           "a=remove",
		`when: 'pulled < now'`:                                      "a=hold",
		`when: 'tags.exists(t, t == "prod")'`:                       "a=remove b=keep",
		`when: '"linux/arm64/v8" in platforms && repository != ""'`: "a=remove b=keep",
	} {
		t.Run(condition, func(t *testing.T) { expect(t, line(t, w, "remove: [{"+condition+"}]"), expected) })
	}
}

// An expression that would run for ever is stopped, and then it is unknown.
func TestExpressionsAreBounded(t *testing.T) {
	w := newWorld()
	m := w.image("a", days(10), "a")
	m.Labels = map[string]string{}
	for i := range 300 {
		m.Labels[strings.Repeat("x", i)] = "v"
	}
	expect(t, line(t, w, `remove: [{when: 'labels.all(a, labels.all(b, labels.all(c, a + b + c != "")))'}]`), "a=hold/unreadable")
}

func TestProtectionOfLatest(t *testing.T) {
	w := newWorld()
	w.image("a", days(100), "latest", "x")
	w.image("b", days(90), "y")
	rule := "        remove: [{older_than: 30d}]\n"
	policy := func(head, tags string) map[string]string {
		return verdicts(parse(t, "version: 1\n"+head+"policies:\n  - repositories: [\"**\"]\n    rules:\n      - tags: ["+tags+"]\n"+rule).Evaluate(w.repo, nil, now))
	}
	expect(t, policy("", `"**"`), "latest=keep/protected x=remove y=remove")
	expect(t, policy("protect: []\n", `"**"`), "latest=remove y=keep/floor")
	expect(t, policy("", `"**", latest`), "latest=remove")
	expect(t, policy("", `"/latest/", "*"`), "latest=keep/protected")
	expect(t, policy("protect: [{tags: [x]}]\n", `"**"`), "latest=keep/protected x=keep/protected y=remove")
}

func TestGapsHoldEverything(t *testing.T) {
	w := newWorld()
	w.image("a", days(50), "a")
	w.image("b", days(10), "b")
	w.repo.Gaps = []inventory.Gap{{Code: "tags", Message: "page 3 failed"}}
	report := parse(t, request[:strings.Index(request, "        keep")]).Evaluate(w.repo, nil, now)
	want(t, report, map[string]string{"a": "hold gap", "b": "keep not-due"})
	if report.Decisions[0].Reasons[0].Facts["message"] != "page 3 failed" {
		t.Errorf("%+v", report.Decisions[0].Reasons)
	}
}

func TestInUse(t *testing.T) {
	w := newWorld()
	child, other := w.image("child", days(50), "v1-amd64"), w.image("other", days(50), "free")
	index := w.index("index", child)
	w.tag("v1", index.Digest)
	w.tag("stable", index.Digest)
	text := "version: 1\nfloor: 0\nprotect: [{in_use: true}]\n" + oneRule("{tags: [\"**\"], remove: [{everything: true}]}")[len("version: 1\n"):]
	judge := func(complete bool, tag string, digest oci.Digest) map[string]string {
		e := &usage.Evidence{Sources: []usage.Source{{Name: "k8s", Complete: complete}}}
		e.Add(w.repo.Registry, w.repo.Name, tag, digest, usage.Witness{Source: "k8s", What: "pod a"})
		return verdicts(parse(t, text).Evaluate(w.repo, e, now))
	}
	expect(t, judge(true, "v1", ""), "v1=keep/in-use stable=keep/in-use v1-amd64=keep/in-use free=remove")
	expect(t, judge(true, "", child.Digest), "v1=keep/in-use v1-amd64=keep/in-use free=remove")
	expect(t, judge(true, "", other.Digest), "v1=remove v1-amd64=remove free=keep/in-use")
	expect(t, judge(false, "v1", ""), "v1=keep/in-use free=hold")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "v1=hold free=hold")
	// An index in use whose images nobody needed to read hides nothing.
	delete(w.repo.Manifests, child.Digest)
	for i := range w.repo.Tags {
		if w.repo.Tags[i].Name == "v1-amd64" {
			w.repo.Tags = slices.Delete(w.repo.Tags, i, i+1)
			break
		}
	}
	expect(t, judge(true, "v1", ""), "v1=keep/in-use stable=keep/in-use free=remove")
	// Who does not say which image may mean any.
	expect(t, judge(true, "", ""), "v1=keep/in-use free=keep/in-use")
	// What is used and could not be read may hang together with anything.
	w.tag("odd", "").Problem = "503"
	expect(t, judge(true, "odd", ""), "v1=hold free=hold odd=keep/in-use")
	expect(t, judge(true, "v1", ""), "v1=keep/in-use free=remove")
}

// An index that lists an index that could not be read may list what is in use.
func TestUseBelowAnUnreadIndex(t *testing.T) {
	for name, c := range map[string]struct {
		change func(middle *inventory.Manifest, w *world)
		want   string
	}{
		"read":      {func(*inventory.Manifest, *world) {}, "v1=keep/in-use free=remove"},
		"unread":    {func(m *inventory.Manifest, _ *world) { m.Read, m.Problem, m.Children = false, "503", nil }, "v1=hold free=remove"},
		"not known": {func(m *inventory.Manifest, w *world) { delete(w.repo.Manifests, m.Digest) }, "v1=hold free=remove"},
		"lower": {func(m *inventory.Manifest, w *world) {
			low := w.index("low")
			low.Read, low.Problem = false, "503"
			m.Children = []oci.Descriptor{{MediaType: low.MediaType, Digest: low.Digest}}
		}, "v1=hold free=remove"},
		"too deep": {func(m *inventory.Manifest, w *world) {
			for _, name := range strings.Split("abcdefghij", "") {
				below := w.index(name)
				m.Children = []oci.Descriptor{{MediaType: below.MediaType, Digest: below.Digest}}
				m = below
			}
		}, "v1=hold free=remove"},
		"an image below not known": {func(m *inventory.Manifest, w *world) { delete(w.repo.Manifests, sha("other")) }, "v1=keep/in-use free=remove"},
		"only an image below, not known": {func(m *inventory.Manifest, w *world) {
			m.Children = nil
			delete(w.repo.Manifests, sha("other"))
		}, "v1=remove free=remove"},
		"not there": {func(m *inventory.Manifest, _ *world) { *m = inventory.Manifest{Digest: m.Digest, Missing: true} }, "v1=remove free=remove"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			leaf := w.image("leaf", days(50))
			middle := w.index("middle", leaf)
			w.tag("v1", w.index("top", middle, w.image("other", days(50))).Digest)
			w.image("free", days(50), "free")
			c.change(middle, w)
			e := &usage.Evidence{Sources: []usage.Source{{Name: "k8s", Complete: true}}}
			e.Add(w.repo.Registry, w.repo.Name, "", leaf.Digest, usage.Witness{Source: "k8s", What: "pod a"})
			text := "version: 1\nfloor: 0\nprotect: [{in_use: true}]\n" + oneRule("{tags: [\"**\"], remove: [{everything: true}]}")[len("version: 1\n"):]
			expect(t, verdicts(parse(t, text).Evaluate(w.repo, e, now)), c.want)
		})
	}
}

// A digest in use that no tag leads to stays whatever the rule about untagged
// manifests says.
func TestADigestInUseStaysWithoutATag(t *testing.T) {
	w := newWorld()
	pinned, free := w.image("pinned", days(50)), w.image("free", days(50))
	w.image("newest", days(1), "v1")
	pinned.Named = true
	w.repo.ManifestsListed = true
	text := `version: 1
policies: [{repositories: ["**"], rules: [{tags: ["**"], keep: [{in_use: true}]}, {untagged: true, remove: [{everything: true}], keep: [{within: 30d}]}]}]`
	e := &usage.Evidence{Sources: []usage.Source{{Name: "k8s", Complete: true}}}
	e.Add(w.repo.Registry, w.repo.Name, "", pinned.Digest, usage.Witness{Source: "k8s", What: "pod a"})
	for _, d := range parse(t, text).Evaluate(w.repo, e, now).Decisions {
		want := map[oci.Digest]Verdict{pinned.Digest: Keep, free.Digest: Remove}[d.Root.Digest]
		if d.Root.Tag == nil && d.Verdict != want {
			t.Errorf("%s: %v, want %v", d.Root.Digest, d.Verdict, want)
		}
		if d.Root.Digest == pinned.Digest && (d.Reasons[0].Code != CodeInUse || d.Reasons[0].Facts["what"] != "pod a") {
			t.Errorf("reasons %+v", d.Reasons)
		}
	}
}

// What may be the child of something that nobody could read uses no place.
func TestPossibleChildrenUseNoPlace(t *testing.T) {
	w := newWorld()
	w.image("a", days(50), "a")
	w.image("b", days(60), "b")
	w.image("child", days(40))
	rule := "remove: [{everything: true}], keep: [{newest: 1}]"
	expect(t, line(t, w, rule), "a=remove b=remove untagged=keep/newest")
	index := w.index("index")
	index.Read, index.Problem = false, "503"
	w.tag("broken", index.Digest)
	expect(t, line(t, w, rule), "a=keep/newest b=remove untagged=hold broken=hold")
}
