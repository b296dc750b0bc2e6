package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// line judges a world by one rule for all tags, untagged roots too.
func line(t *testing.T, w *world, body string) map[string]string {
	t.Helper()
	text := "version: 1\nfloor: 0\n" + oneRule("{tags: [\"**\"], untagged: true, " + body + "}")[len("version: 1\n"):]
	return verdicts(parse(t, text).Evaluate(w.repo, nil, now))
}

func expect(t *testing.T, got map[string]string, expected string) {
	t.Helper()
	for _, pair := range strings.Fields(expected) {
		name, verdict, _ := strings.Cut(pair, "=")
		if have := strings.ReplaceAll(got[name], " ", "/"); !strings.HasPrefix(have, verdict) {
			t.Errorf("%s: %s, want %s", name, have, verdict)
		}
	}
}

func TestAgeBoundaries(t *testing.T) {
	w := newWorld()
	w.image("exact", days(30), "exact")
	w.image("over", days(30).Add(-time.Nanosecond), "over")
	expect(t, line(t, w, "remove: [{older_than: 30d}]"), "exact=keep/not-due over=remove/older-than")
	expect(t, line(t, w, "remove: [{older_than: 1d}], keep: [{within: 30d}]"), "exact=keep/within over=remove/older-than")
}

func TestAgesThatAreNotTrusted(t *testing.T) {
	w := newWorld()
	w.image("zero", time.Time{}, "zero")
	w.image("epoch", time.Unix(0, 0), "epoch")
	w.image("buildpack", time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC), "buildpack")
	w.image("beforedocker", time.Date(2013, 2, 28, 0, 0, 0, 0, time.UTC), "beforedocker")
	w.image("firstday", time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC), "firstday")
	w.image("future", now.Add(25*time.Hour), "future")
	w.image("skewed", now.Add(23*time.Hour), "skewed")
	expect(t, line(t, w, "remove: [{older_than: 30d}]"),
		"zero=hold/unknown-age epoch=hold/unknown-age buildpack=hold/unknown-age beforedocker=hold/unknown-age firstday=remove future=hold/unknown-age skewed=keep/not-due")
	expect(t, line(t, w, "unknown_age: old, remove: [{older_than: 30d}]"), "zero=remove epoch=remove skewed=keep/not-due")
	// What could not be read is not old because a policy says so.
	w.repo.Manifests[sha("zero")].Read, w.repo.Manifests[sha("zero")].Problem = false, "503"
	expect(t, line(t, w, "unknown_age: old, remove: [{older_than: 30d}]"), "zero=hold/unreadable epoch=remove")
}

func TestAgeIsTheLatestTrustedTime(t *testing.T) {
	w := newWorld()
	w.image("a", days(100), "pushed", "seen", "built")
	w.find("pushed").Pushed = days(3)
	w.find("seen").Seen = days(3)
	expect(t, line(t, w, "remove: [{older_than: 30d}]"), "pushed=keep seen=keep built=remove")
	expect(t, line(t, w, "age_from: created, remove: [{older_than: 30d}]"), "pushed=remove seen=remove built=remove")
	expect(t, line(t, w, "age_from: pushed, remove: [{older_than: 30d}]"), "pushed=keep seen=hold/unknown-age built=hold")
	index := w.index("index", w.repo.Manifests[sha("a")], w.image("b", days(2)))
	w.tag("multi", index.Digest)
	expect(t, line(t, w, "remove: [{older_than: 30d}]"), "multi=keep/not-due")
	// The child that could not be read may be the newest.
	w.repo.Manifests[sha("b")].Created, w.repo.Manifests[sha("b")].Problem = time.Time{}, "503"
	expect(t, line(t, w, "remove: [{older_than: 30d}]"), "multi=hold")
}

func TestTies(t *testing.T) {
	w := newWorld()
	for _, name := range []string{"a", "b", "c"} {
		w.image(name, days(50), name)
	}
	w.image("new", days(40), "new")
	w.image("old", days(60), "old")
	expect(t, line(t, w, "remove: [{older_than: 30d}], keep: [{newest: 2}]"), "new=keep/newest a=keep/tie b=keep/tie c=keep/tie old=remove")
	expect(t, line(t, w, "remove: [{beyond: 2}]"), "new=keep a=keep b=keep c=keep old=remove/beyond")
}

func TestImagesAndTagsAreCounted(t *testing.T) {
	w := newWorld()
	w.image("a", days(40), "a1", "a2", "a3")
	w.image("b", days(50), "b")
	w.image("c", days(60), "c")
	expect(t, line(t, w, "remove: [{older_than: 30d}], keep: [{newest: 2}]"), "a1=keep a2=keep a3=keep b=keep c=remove")
	expect(t, line(t, w, "remove: [{older_than: 30d}], keep: [{newest: 2, count: tags}]"), "a1=keep/tie a2=keep/tie a3=keep/tie b=remove c=remove")
}

func TestUnknownOrderUsesNoPlace(t *testing.T) {
	w := newWorld()
	w.image("a", days(40), "a")
	w.image("b", days(50), "b")
	w.image("c", days(60), "c")
	w.image("x", time.Time{}, "x")
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{newest: 2}]"), "a=keep b=keep c=remove x=hold/unknown-age")
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{newest: 4}]"), "a=keep b=keep c=keep x=keep/newest")
}

func TestAnImageRanksByItsNewestTag(t *testing.T) {
	w := newWorld()
	for i, name := range []string{"a", "b", "c"} {
		w.image(name, time.Time{}, name, name+"-too")
		w.find(name).Pushed, w.find(name+"-too").Pushed = days(float64(40+i)), days(float64(40+i))
	}
	w.find("c-too").Pushed = days(35)
	expect(t, line(t, w, "remove: [{beyond: 1}]"), "c=keep c-too=keep a=remove b=remove")
	// Where the time of one of its tags is not known, nor is its place.
	w.find("b-too").Pushed = time.Time{}
	expect(t, line(t, w, "remove: [{beyond: 1, by: pushed}]"), "b=hold b-too=hold c=keep a=remove")
}

func TestPerGroup(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"main-3", "main-2", "main-1", "dev-1", "feature/x"[:7] + "-9"} {
		w.image(tag, days(float64(40+i)), tag)
	}
	w.image("other", days(100), "other")
	text := oneRule(`{tags: ["/(?P<branch>[a-z]+)-(?P<n>[0-9]+)/"], remove: [{older_than: 30d}], keep: [{newest: 1, per: branch}]}`)
	want(t, parse(t, text).Evaluate(w.repo, nil, now), map[string]string{
		"main-3": "keep newest", "main-2": "remove older-than", "main-1": "remove older-than",
		"dev-1": "keep newest", "feature-9": "keep newest", "other": "keep no-rule",
	})
	text = oneRule(`{tags: ["/(?P<branch>[a-z]+)-(?P<n>[0-9]+)/"], remove: [{beyond: 1, by: captured, per: branch}]}`)
	w.image("main-10", days(400), "main-10")
	got := verdicts(parse(t, text).Evaluate(w.repo, nil, now))
	expect(t, got, "main-10=keep main-3=remove/beyond dev-1=keep")
}

func TestOrders(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"1.9.0", "1.10.0", "1.10.0-rc.1", "20240131", "nine"} {
		w.image(tag, days(float64(40+i)), tag)
	}
	w.find("1.9.0").Pulled = days(1)
	// A date is no version; what has no version has no place.
	expect(t, line(t, w, "remove: [{beyond: 1, by: semver}]"), "1.10.0=keep 1.9.0=remove 1.10.0-rc.1=remove 20240131=hold/unreadable nine=hold")
	expect(t, line(t, w, "remove: [{beyond: 2, by: name}]"), "nine=keep 20240131=keep 1.10.0=remove")
	expect(t, line(t, w, "remove: [{beyond: 1, by: pulled}]"), "1.9.0=hold nine=hold")
	w = newWorld()
	for i, tag := range []string{"n-20260301", "n-20260228", "n-99999999"} {
		w.image(tag, days(float64(i)), tag)
	}
	text := oneRule(`{tags: ["/n-(?P<day>[0-9]+)/"], remove: [{everything: true}], keep: [{newest: 1, by: {captured: day, as: date}}]}`)
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "n-20260301=keep n-20260228=remove n-99999999=hold")
}

// restic's published example of `forget --keep-daily 7` and its kind: the
// newest of each period that has one, empty periods not counted.
func TestCalendar(t *testing.T) {
	w := newWorld()
	for _, at := range []string{
		"2026-06-15T11:00:00Z", "2026-06-15T10:00:00Z", "2026-06-15T10:30:00Z", "2026-06-14T23:59:59Z", "2026-06-10T01:00:00Z", "2026-06-09T01:00:00Z",
		"2026-05-31T01:00:00Z", "2026-05-01T01:00:00Z", "2025-12-31T23:30:00Z", "2024-02-29T12:00:00Z",
	} {
		created, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		tag := strings.NewReplacer(":", "", "Z", "").Replace(at)
		w.image(tag, created, tag)
	}
	all := "remove: [{everything: true}], keep: "
	expect(t, line(t, w, all+"[{hourly: 2}]"), "2026-06-15T110000=keep/hourly 2026-06-15T103000=keep 2026-06-15T100000=remove 2026-06-14T235959=remove")
	expect(t, line(t, w, all+"[{daily: 3}]"), "2026-06-15T110000=keep/daily 2026-06-14T235959=keep 2026-06-10T010000=keep 2026-06-09T010000=remove 2026-06-15T103000=remove")
	expect(t, line(t, w, all+"[{weekly: 2}]"), "2026-06-15T110000=keep 2026-06-14T235959=keep 2026-06-10T010000=remove")
	expect(t, line(t, w, all+"[{monthly: 3}]"), "2026-06-15T110000=keep 2026-05-31T010000=keep 2025-12-31T233000=keep 2026-05-01T010000=remove 2024-02-29T120000=remove")
	expect(t, line(t, w, all+"[{yearly: 9}]"), "2026-06-15T110000=keep 2025-12-31T233000=keep 2024-02-29T120000=keep 2026-05-01T010000=remove")
	// In Berlin the last evening of 2025 is already 2026.
	text := "version: 1\nfloor: 0\ntimezone: Europe/Berlin\n" + oneRule("{tags: [\"**\"], " + all + "[{yearly: 2}]}")[len("version: 1\n"):]
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "2026-06-15T110000=keep 2025-12-31T233000=remove 2024-02-29T120000=keep")
}

func TestSemver(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"v1.0.0", "v1.1.0", "v1.1.1", "1.1.1", "v1.1.2", "v1.1.3-rc.1", "v2.0.0", "20240131", "latest-1"} {
		w.image(tag, days(100), tag)
	}
	all := "remove: [{everything: true}], keep: "
	expect(t, line(t, w, all+`[{semver: {range: ">=1.1", newest: 2, per: minor}}]`),
		"v1.0.0=remove v1.1.0=remove v1.1.1=keep/semver 1.1.1=keep v1.1.2=keep v1.1.3-rc.1=remove v2.0.0=keep 20240131=remove latest-1=remove")
	expect(t, line(t, w, all+`[{semver: {newest: 1, per: major, prereleases: true}}]`), "v1.1.3-rc.1=keep v1.1.2=remove v2.0.0=keep")
	expect(t, line(t, w, all+`[{semver: {newest: 1, per: minor}}]`), "v1.0.0=keep v1.1.2=keep v1.1.3-rc.1=remove")
	expect(t, line(t, w, all+`[{semver: {range: "<2"}}]`), "v1.0.0=keep v1.1.2=keep v2.0.0=remove v1.1.3-rc.1=remove")
}

func TestPulls(t *testing.T) {
	w := newWorld()
	for name, m := range map[string][2]time.Time{ // pushed, pulled
		"idle": {days(200), days(100)}, "used": {days(200), days(10)}, "fresh": {days(5), {}}, "never": {days(200), {}}, "nopush": {{}, days(100)},
	} {
		w.image(name, time.Time{}, name)
		w.find(name).Pushed, w.find(name).Pulled = m[0], m[1]
	}
	rule := "remove: [{not_pulled_for: 90d}]"
	expect(t, line(t, w, rule), "idle=remove/not-pulled-for used=keep fresh=keep never=hold/unreadable nopush=hold/unknown-age")
	w.repo.PullsRecorded = true
	expect(t, line(t, w, rule), "idle=remove never=remove fresh=keep")
	for i := range w.repo.Tags {
		w.repo.Tags[i].Pulled = time.Time{}
	}
	// A registry that has recorded no pull at all may not record any.
	expect(t, line(t, w, rule), "idle=hold never=hold fresh=keep")
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{pulled_within: 30d}]"), "fresh=keep/pulled-within idle=hold")
}

func TestExpiry(t *testing.T) {
	w := newWorld()
	w.image("gone", days(10), "gone").Labels = map[string]string{"quay.expires-after": "1w"}
	w.image("stays", days(10), "stays").Labels = map[string]string{"quay.expires-after": "2w"}
	w.image("both", days(10), "both").Labels = map[string]string{"quay.expires-after": "1w", "org.opencontainers.image.expires": "2027-01-01T00:00:00Z"}
	w.image("dated", days(10), "dated").Annotations = map[string]string{"org.opencontainers.image.expires": "2026-06-01T00:00:00Z"}
	w.image("odd", days(10), "odd").Labels = map[string]string{"quay.expires-after": "soon"}
	w.image("none", days(10), "none")
	expect(t, line(t, w, "remove: [{expired: true}]"), "gone=remove/expired stays=keep both=keep dated=remove odd=hold none=keep/not-due")
}

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
	expect(t, policy("", `"**"`), "latest=keep/protected x=remove")
	expect(t, policy("protect: []\n", `"**"`), "latest=remove y=keep/floor")
	expect(t, policy("", `"**", latest`), "latest=remove")
	expect(t, policy("", `"/latest/", "*"`), "latest=keep/protected")
	expect(t, policy("protect: [{tags: [x]}]\n", `"**"`), "latest=keep/protected x=keep/protected y=remove")
}

func TestFloor(t *testing.T) {
	w := newWorld()
	w.image("a", days(50), "a", "a2")
	w.image("b", days(40), "b", "b2")
	w.image("c", days(40), "c")
	w.image("d", days(60), "d")
	judge := func(floor string) map[string]string {
		text := "version: 1\n" + floor + oneRule("{tags: [\"**\"], remove: [{older_than: 30d}]}")[len("version: 1\n"):]
		return verdicts(parse(t, text).Evaluate(w.repo, nil, now))
	}
	expect(t, judge(""), "b=keep/floor b2=keep/floor c=keep/floor a=remove a2=remove d=remove")
	expect(t, judge("floor: 3\n"), "b=keep/floor c=keep/floor a=keep/floor a2=keep/floor d=remove")
	expect(t, judge("floor: 0\n"), "a=remove b=remove c=remove d=remove")
	w.image("e", days(10), "e")
	expect(t, judge(""), "e=keep/not-due b=remove c=remove")
	// Neither what is held nor what nobody could read is certain to stay.
	w.image("x", time.Time{}, "e")
	delete(w.repo.Manifests, sha("e"))
	w.tag("latest", "").Problem = "503"
	w.repo.Tags = slices.DeleteFunc(w.repo.Tags, func(t inventory.Tag) bool { return t.Name == "e" && t.Digest == sha("e") })
	expect(t, judge(""), "e=hold/unknown-age latest=keep/protected b=keep/floor c=keep/floor a=remove")
	w.repo.Tags = slices.DeleteFunc(w.repo.Tags, func(t inventory.Tag) bool { return t.Name == "latest" })
	expect(t, judge(""), "e=hold/unknown-age b=keep/floor a=remove")
	for _, m := range w.repo.Manifests {
		m.Created = time.Time{}
	}
	text := oneRule("{tags: [\"**\"], remove: [{tags: [\"**\"]}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "a=keep/floor b=keep/floor c=keep/floor d=keep/floor e=keep/floor")
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
