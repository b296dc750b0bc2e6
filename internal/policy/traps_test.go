package policy

import (
	"strings"
	"testing"
	"time"
)

// Traps: names and stamps that look like what they are not.

func TestDottedDatesDoNotOutrankReleases(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"2024.01.31", "2024.11", "v1.0.0", "v1.1.0", "v1.2.0", "20240131"} {
		w.image(tag, days(100), tag)
	}
	// Next to versions they have no place and are held; alone they are versions.
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{semver: {newest: 2}}]"),
		"v1.2.0=keep/semver v1.1.0=keep v1.0.0=remove 2024.01.31=hold/unreadable 2024.11=hold 20240131=remove")
	expect(t, line(t, w, "remove: [{beyond: 2, by: semver}]"), "v1.2.0=keep v1.1.0=keep v1.0.0=remove 2024.01.31=hold 2024.11=hold 20240131=hold")
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{semver: {newest: 1, per: major}}]"), "v1.2.0=keep v1.1.0=remove 2024.11=keep 2024.01.31=remove")
	expect(t, line(t, w, `remove: [{everything: true}], keep: [{semver: {range: ">=1.1 <2000", newest: 1}}]`), "v1.2.0=keep v1.1.0=remove 2024.11=remove")
	calendar := oneRule(`{tags: ["2*.*"], remove: [{everything: true}], keep: [{semver: {newest: 1}}]}`)
	expect(t, verdicts(parse(t, calendar).Evaluate(w.repo, nil, now)), "2024.11=keep/semver 2024.01.31=remove")
	// An expression that captures the version says that it is one.
	captured := oneRule(`{tags: ["/v?(?P<version>[0-9.]+)/"], remove: [{everything: true}], keep: [{semver: {newest: 1}}]}`)
	expect(t, verdicts(parse(t, captured).Evaluate(w.repo, nil, now)), "20240131=keep/semver 2024.11=remove v1.2.0=remove")
	// Which tags are there is known even where what they point to is not.
	w.repo.Manifests[sha("v1.2.0")].Read, w.repo.Manifests[sha("v1.2.0")].Problem = false, "503"
	expect(t, line(t, w, "remove: [{everything: true}], keep: [{semver: {newest: 2}}]"), "2024.01.31=hold 2024.11=hold v1.0.0=keep v1.2.0=hold")
}

func TestVersionsThatAreOne(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"1.2", "v1.2.0", "1.2.0-rc.9", "1.2.0-rc.10", "1.10", "v1", "V1.3.0", "1.2.3.4", "01.3.0"} {
		w.image(tag, days(100), tag)
	}
	all := "remove: [{everything: true}], keep: "
	// 1.2 and v1.2.0 are one version and use one place; numbers are compared as
	// numbers; one number, a capital V and four numbers are none.
	expect(t, line(t, w, all+"[{semver: {newest: 3}}]"), "1.10=keep 01.3.0=keep 1.2=keep v1.2.0=keep 1.2.0-rc.10=remove v1=remove V1.3.0=remove 1.2.3.4=remove")
	expect(t, line(t, w, all+"[{semver: {newest: 4, prereleases: true}}]"), "1.2=keep 1.2.0-rc.10=keep 1.2.0-rc.9=remove")
	expect(t, line(t, w, all+`[{semver: {range: "~1.2"}}]`), "1.2=keep v1.2.0=keep 1.10=remove 1.2.0-rc.9=remove")
	expect(t, line(t, w, all+`[{semver: {range: "~1.2", prereleases: true}}]`), "1.2.0-rc.9=remove 1.2=keep")
	expect(t, line(t, w, all+`[{semver: {range: ">=1.2.0-rc.1 <1.3", prereleases: true}}]`), "1.2.0-rc.9=keep 1.2=keep 1.10=remove")
}

func TestWhatExpressionsCapture(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"b-7", "b-007", "b-10", "b-18446744073709551617", "b-18446744073709551616", "b-", "other-1"} {
		w.image(tag, days(float64(40+i)), tag)
	}
	// Numbers of any length, leading zeros without weight; nothing captured is no
	// number and does not turn the others into dates.
	text := oneRule(`{tags: ["/b-(?P<n>[0-9]*)/", "/other-(?P<n>x)?1/"], remove: [{everything: true}], keep: [{newest: 3, by: captured}]}`)
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)),
		"b-18446744073709551617=keep/newest b-18446744073709551616=keep b-10=keep b-7=remove b-007=remove b-=hold other-1=hold")
	text = oneRule(`{tags: ["/b-(?P<n>[0-9]*)/"], remove: [{everything: true}], keep: [{newest: 4, by: {captured: n, as: number}}]}`)
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "b-7=keep/tie b-007=keep/tie b-10=keep")
}

func TestCapturedDates(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"n-20240229", "n-20230229", "n-2024-02-28", "n-20240228.2300", "n-2024-02-28T22-00-00", "n-1709200000"} {
		w.image(tag, days(100), tag)
	}
	// 29 February only in leap years; what is no date is held and uses no place.
	text := oneRule(`{tags: ["/n-(?P<day>.+)/"], remove: [{everything: true}], keep: [{newest: 2, by: {captured: day, as: date}}]}`)
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)),
		"n-20240229=keep n-20240228.2300=keep n-2024-02-28T22-00-00=remove n-2024-02-28=remove n-20230229=hold n-1709200000=hold")
	text = oneRule(`{tags: ["/n-(?P<day>.+)/"], remove: [{everything: true}], keep: [{daily: 9, by: captured}]}`)
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "n-20240229=keep/daily n-20240228.2300=keep n-2024-02-28=remove n-20230229=hold")
}

// A stamp that cannot be trusted is no reason to look for another one; only
// where there is none does the annotation stand for it.
func TestABuildStampOfNothingIsNotReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		stamp, pushed time.Time
		want          string
	}{
		"1970":             {time.Unix(0, 0), time.Time{}, "hold unknown-age"},
		"before Docker":    {firstTrusted.Add(-time.Second), time.Time{}, "hold unknown-age"},
		"too far ahead":    {now.Add(25 * time.Hour), time.Time{}, "hold unknown-age"},
		"trusted":          {days(20), time.Time{}, "keep not-due"}, // and the annotation is older
		"none":             {time.Time{}, time.Time{}, "remove older-than"},
		"1970 and a push":  {time.Unix(0, 0), days(50), "remove older-than"},
		"1970, new pushed": {time.Unix(0, 0), days(1), "keep not-due"},
	} {
		for _, index := range []bool{false, true} {
			w := newWorld()
			m := w.image("image", c.stamp)
			if index {
				m = w.index("index", m)
				m.Created = c.stamp // as a scan gives it the newest of its images
			}
			m.Annotations = map[string]string{"org.opencontainers.image.created": days(40).Format(time.RFC3339)}
			w.tag("tag", m.Digest).Pushed = c.pushed
			w.image("other", days(1), "other")
			if got := line(t, w, "remove: [{older_than: 30d}]")["tag"]; got != c.want {
				t.Errorf("%s (index %t): %s, want %s", name, index, got, c.want)
			}
		}
	}
}

// Time zones, where the local day is not the day of UTC, has 23 or 25 hours, or
// is not there at all.
func TestCalendarTraps(t *testing.T) {
	for name, c := range map[string]struct{ zone, keep, times, want string }{
		// 31 March 2024 has 23 hours in Berlin, 27 October 25: the hour from 2 to 3 passes twice.
		"a day of 23 hours":            {"Europe/Berlin", "daily: 2", "2024-03-30T22:30Z 2024-03-30T23:30Z 2024-03-31T21:59Z 2024-03-31T22:00Z", "0 0 keep keep"},
		"a day of 25 hours":            {"Europe/Berlin", "daily: 2", "2024-10-26T21:59Z 2024-10-26T22:00Z 2024-10-27T22:59Z 2024-10-27T23:00Z", "0 0 keep keep"},
		"an hour that passes twice":    {"Europe/Berlin", "hourly: 9", "2024-10-27T00:10Z 2024-10-27T00:50Z 2024-10-27T01:10Z 2024-10-27T01:50Z", "0 keep 0 keep"},
		"an hour that does not":        {"Europe/Berlin", "hourly: 9", "2024-03-31T00:50Z 2024-03-31T01:10Z 2024-03-31T01:20Z", "keep 0 keep"},
		"an hour of a half zone":       {"Asia/Kolkata", "hourly: 9", "2024-05-01T10:29Z 2024-05-01T10:31Z 2024-05-01T11:29Z 2024-05-01T11:30Z", "keep 0 keep keep"},
		"a day of a half zone":         {"Asia/Kolkata", "daily: 9", "2024-05-01T18:29Z 2024-05-01T18:31Z", "keep keep"},
		"clocks that go half back":     {"Australia/Lord_Howe", "hourly: 9", "2024-04-06T14:45Z 2024-04-06T15:15Z", "keep keep"},
		"west of the date line":        {"Pacific/Kiritimati", "yearly: 1", "2023-12-31T09:59Z 2023-12-31T10:00Z", "0 keep"},
		"the week of a new year":       {"UTC", "weekly: 1", "2024-12-29T23:59Z 2024-12-30T00:00Z 2025-01-05T23:59Z", "0 0 keep"},
		"a year with 53 weeks":         {"UTC", "weekly: 3", "2020-12-27T12:00Z 2020-12-28T12:00Z 2021-01-03T12:00Z 2021-01-04T12:00Z", "keep 0 keep keep"},
		"weeks do not end with months": {"UTC", "weekly: 1", "2024-02-29T12:00Z 2024-03-01T12:00Z", "0 keep"},
		"the last day of a month":      {"UTC", "monthly: 2", "2024-01-31T23:59Z 2024-02-29T23:59Z 2024-03-01T00:00Z", "0 keep keep"},
		"months of another zone":       {"America/New_York", "monthly: 2", "2024-03-01T04:59Z 2024-03-01T05:00Z 2024-03-31T23:00Z", "keep 0 keep"},
		"a leap day is a day":          {"UTC", "daily: 3", "2024-02-28T12:00Z 2024-02-29T12:00Z 2024-03-01T12:00Z", "keep keep keep"},
		"empty periods do not count":   {"UTC", "yearly: 2", "2015-01-01T00:00Z 2019-06-01T00:00Z 2024-06-01T00:00Z", "0 keep keep"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			var tags []string
			for i, text := range strings.Fields(c.times) {
				at, err := time.Parse("2006-01-02T15:04Z", text)
				if err != nil {
					t.Fatal(err)
				}
				tags = append(tags, string(rune('a'+i)))
				w.image(tags[i], at, tags[i])
			}
			text := "version: 1\nfloor: 0\ntimezone: " + c.zone + "\n" + oneRule("{tags: [\"**\"], remove: [{everything: true}], keep: [{" + c.keep + "}]}")[len("version: 1\n"):]
			got := verdicts(parse(t, text).Evaluate(w.repo, nil, now))
			for i, want := range strings.Fields(c.want) {
				expect(t, got, tags[i]+"="+strings.Replace(want, "0", "remove", 1))
			}
		})
	}
}

// Samoa had no 30 December 2011. A tag of that day falls on the one before, and
// neither pushes the other out.
func TestADayThatIsNotThere(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"n-20111229", "n-20111230", "n-20111231", "n-20120101"} {
		w.image(tag, days(100), tag)
	}
	text := "version: 1\ntimezone: Pacific/Apia\n" + oneRule(`{tags: ["/n-(?P<day>.+)/"], remove: [{everything: true}], keep: [{daily: 3, by: captured}]}`)[len("version: 1\n"):]
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "n-20120101=keep/daily n-20111231=keep/daily n-20111230=keep n-20111229=keep")
}
