package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Public incidents of other cleaners, each with the guard that would have
// prevented it here.

// acr-cli#131, acr-cli#342: an OCI index was not recognised as one, and its
// children went as untagged images.
func TestIncidentUnrecognisedIndex(t *testing.T) {
	w := newWorld()
	child := w.image("child", days(100))
	index := w.index("index", child)
	w.tag("v1", index.Digest)
	text := oneRule("{tags: [\"**\"], untagged: true, remove: [{older_than: 30d}], keep: [{tags: [\"v*\"]}]}")
	p := parse(t, text)
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"v1": "keep tags"})
	// As a type that nobody here knows: the child looks untagged, and stays.
	index.MediaType, index.Kind, index.Children = "application/x-index", oci.KindUnknown, nil
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"v1": "keep tags", "untagged": "hold unreadable"})
}

// ayunis-core#1182, kgateway#14567, NVSentinel#1339: release tags shared their
// digest with old build tags. A pattern meant for builds must not take the
// release, and a promotion must make the release young.
func TestIncidentPromotionByRetag(t *testing.T) {
	w := newWorld()
	w.image("a", days(100), "v0.8.0", "sha-1234567", "main-17")
	w.image("b", days(90), "sha-89abcde")
	p := parse(t, oneRule("{tags: [\"sha-*\", \"main-*\"], remove: [{older_than: 30d}], keep: [{image_tags: {any: [\"v*\"]}}]}"))
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{
		"v0.8.0": "keep no-rule", "sha-1234567": "keep image-tags", "main-17": "keep image-tags", "sha-89abcde": "remove older-than",
	})
	for i := range w.repo.Tags {
		w.repo.Tags[i].Pushed = days(90)
	}
	w.find("v0.8.0").Pushed = days(2)
	want(t, parse(t, request[:strings.Index(request, "        keep")]).Evaluate(w.repo, nil, now), map[string]string{
		"v0.8.0": "keep not-due", "sha-1234567": "remove older-than", "main-17": "remove older-than", "sha-89abcde": "remove older-than",
	})
}

// gitlab#377417, gitlab#351538: images with equal or missing creation dates
// sorted as oldest, so the new ones went and the old ones stayed.
func TestIncidentEqualOrMissingDates(t *testing.T) {
	w := newWorld()
	for i := range 8 {
		w.image(fmt.Sprint("equal", i), days(100), fmt.Sprint("equal", i))
	}
	w.image("undated", time.Time{}, "undated")
	got := verdicts(parse(t, request).Evaluate(w.repo, nil, now))
	for tag, verdict := range got {
		if strings.HasPrefix(verdict, "remove") {
			t.Errorf("%s: %s", tag, verdict)
		}
	}
	if got["undated"] != "hold unknown-age" || got["equal0"] != "keep tie" {
		t.Errorf("%v", got)
	}
}

// gcr-cleaner#138, #89, #79: kaniko's cached builds carried the build time of
// their base, and the newest image went. The push time counts.
func TestIncidentNewestDeleted(t *testing.T) {
	w := newWorld()
	for i := range 7 {
		w.image(fmt.Sprint("b", i), days(400), fmt.Sprint("b", i))
		w.find(fmt.Sprint("b", i)).Pushed = days(float64(40 + i))
	}
	p := parse(t, strings.Replace(request, "newest: 5", "newest: 1", 1))
	got := verdicts(p.Evaluate(w.repo, nil, now))
	if got["b0"] != "keep newest" || got["b1"] != "remove older-than" {
		t.Errorf("%v", got)
	}
}

// harbor#11837: a tag went minutes after its push, because its pull time was
// missing and counted as long ago.
func TestIncidentFreshTagDeleted(t *testing.T) {
	w := newWorld()
	w.image("fresh", days(0.01), "fresh")
	w.find("fresh").Pushed = days(0.01)
	w.image("used", days(100), "used")
	w.find("used").Pushed, w.find("used").Pulled = days(100), days(95)
	p := parse(t, oneRule("{tags: [\"**\"], remove: [{not_pulled_for: 90d}]}"))
	w.repo.PullsRecorded = true
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"fresh": "keep not-due", "used": "remove not-pulled-for"})
}

// zot#4233: rebuilt metadata gave every tag the same push time, and a while
// later all of them expired at once.
func TestIncidentRebuiltMetadata(t *testing.T) {
	w := newWorld()
	for i := range 10 {
		tag := fmt.Sprint("t", i)
		w.image(tag, time.Time{}, tag)
		w.find(tag).Pushed = days(60).Add(time.Duration(i) * 5 * time.Second)
	}
	p := parse(t, oneRule("{tags: [\"**\"], remove: [{older_than: 30d}], keep: [{newest: 1}]}"))
	report := p.Evaluate(w.repo, nil, now)
	for tag, verdict := range verdicts(report) {
		if verdict != "hold unknown-age" {
			t.Errorf("%s: %s", tag, verdict)
		}
	}
	if len(report.Warnings) != 1 || report.Warnings[0].Code != "push-times" {
		t.Errorf("%+v", report.Warnings)
	}
	// Two of ten at another time are no collapse, one is.
	w.find("t0").Pushed = days(90)
	if r := p.Evaluate(w.repo, nil, now); len(r.Warnings) != 1 {
		t.Error("nine of ten in one minute were trusted")
	}
	w.find("t1").Pushed = days(91)
	if r := p.Evaluate(w.repo, nil, now); len(r.Warnings) != 0 {
		t.Error("eight of ten in one minute were not trusted")
	}
	// Nine roots are too few to tell.
	w.find("t1").Pushed = days(60)
	w.repo.Tags = w.repo.Tags[:9]
	if r := p.Evaluate(w.repo, nil, now); len(r.Warnings) != 0 {
		t.Error("nine roots were taken for a collapse")
	}
}

// zot#3804: rules with a count of one marked the only tag of each environment.
func TestIncidentCountOfOne(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"prod-1", "stage-1", "dev-1", "dev-2"} {
		w.image(tag, days(float64(100+i)), tag)
	}
	p := parse(t, oneRule(`{tags: ["/(?P<env>[a-z]+)-[0-9]+/"], remove: [{older_than: 1d}], keep: [{newest: 1, per: env}]}`))
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{
		"prod-1": "keep newest", "stage-1": "keep newest", "dev-1": "keep newest", "dev-2": "remove older-than",
	})
	for _, rule := range []string{"prod-*", "stage-*", "dev-1"} {
		one := parse(t, oneRule(fmt.Sprintf("{tags: [%q], remove: [{everything: true}], keep: [{newest: 1}]}", rule)))
		for tag, verdict := range verdicts(one.Evaluate(w.repo, nil, now)) {
			if strings.HasPrefix(verdict, "remove") {
				t.Errorf("%s alone, %s: %s", rule, tag, verdict)
			}
		}
	}
}

// addon-technitium-dns#62: frequent edge builds pushed the release tags of
// other architectures out of "keep 10". Every stream counts by itself.
func TestIncidentStreamsShareOneCount(t *testing.T) {
	w := newWorld()
	for i := range 12 {
		tag := fmt.Sprint("edge-", i)
		w.image(tag, days(float64(40+i)), tag)
	}
	w.image("amd64", days(200), "release-amd64")
	w.image("arm64", days(201), "release-arm64")
	text := `version: 1
policies:
  - repositories: ["**"]
    rules:
      - {tags: ["release-*"], remove: [{older_than: 30d}], keep: [{newest: 10}]}
      - {tags: ["edge-*"], remove: [{older_than: 30d}], keep: [{newest: 10}]}
`
	got := verdicts(parse(t, text).Evaluate(w.repo, nil, now))
	if got["release-amd64"] != "keep newest" || got["release-arm64"] != "keep newest" || got["edge-11"] != "remove older-than" {
		t.Errorf("%v", got)
	}
}
