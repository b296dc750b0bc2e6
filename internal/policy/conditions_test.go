package policy

import (
	"strings"
	"testing"
	"time"
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
