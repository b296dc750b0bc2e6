package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
)

// The calendar cases that backup tools publish, as facts: the instants of their
// test data and which of them stay. Where regkeep means something else, the
// case says what and why.

// stays judges images of these instants under keep conditions beside
// everything: true, and lists the instants that stay, the newest first.
func stays(t *testing.T, instants []time.Time, keep string) []string {
	t.Helper()
	w := newWorld()
	for i, at := range instants {
		name := fmt.Sprintf("b%d", i)
		w.image(name, at, name)
	}
	text := "version: 1\nfloor: 0\n" + oneRule("{tags: [\"**\"], remove: [{everything: true}], keep: [" + keep + "]}")[len("version: 1\n"):]
	var kept []string
	for _, d := range parse(t, text).Evaluate(w.repo, nil, now).Decisions {
		if d.Verdict == Keep {
			kept = append(kept, d.Root.Manifest.Created.UTC().Format("2006-01-02T15:04:05"))
		}
	}
	slices.Sort(kept)
	slices.Reverse(kept)
	return kept
}

func instants(t *testing.T, texts ...string) []time.Time {
	t.Helper()
	var all []time.Time
	for _, text := range texts {
		at, err := time.Parse("2006-01-02T15:04:05.999", text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	return all
}

// resticInstants are those of restic's test of its policies (there are five
// snapshots of one of them, which here are five images).
func resticInstants(t *testing.T) []time.Time {
	var texts []string
	for _, year := range []string{"2014", "2015"} {
		for month, days := range map[string]string{
			"08": "08 10 12 13 15 18 20 21 22", "09": "01 02 05 06 08 09 10 11 20 22", "10": "01 02 05 06 08 09 10 11 20 22", "11": "08 10 12 13 15 18 20 21 22",
		} {
			for _, day := range strings.Fields(days) {
				texts = append(texts, year+"-"+month+"-"+day+"T10:20:30")
				if day == "13" {
					texts = append(texts, year+"-"+month+"-"+day+"T10:20:30.1")
				}
			}
		}
	}
	for range 4 {
		texts = append(texts, "2015-10-22T10:20:30")
	}
	for _, at := range strings.Fields("01T01:02:03 01T01:03:03 01T07:08:03 03T07:02:03 04T10:23:03 04T11:23:03 04T12:23:03 04T12:24:03 04T12:28:03 04T12:30:03 04T16:23:03 05T09:02:03 06T08:02:03 07T10:02:03 08T20:02:03 09T21:02:03 12T21:02:03 12T21:08:03 18T12:02:03") {
		texts = append(texts, "2016-01-"+at)
	}
	return instants(t, texts...)
}

func TestResticCalendar(t *testing.T) {
	daily := "2016-01-18T12:02:03 2016-01-12T21:08:03 2016-01-09T21:02:03"
	for keep, want := range map[string]string{
		"{hourly: 20}": daily + " 2016-01-08T20:02:03 2016-01-07T10:02:03 2016-01-06T08:02:03 2016-01-05T09:02:03 2016-01-04T16:23:03 2016-01-04T12:30:03 2016-01-04T11:23:03 2016-01-04T10:23:03 " +
			"2016-01-03T07:02:03 2016-01-01T07:08:03 2016-01-01T01:03:03 2015-11-22T10:20:30 2015-11-21T10:20:30 2015-11-20T10:20:30 2015-11-18T10:20:30 2015-11-15T10:20:30 2015-11-13T10:20:30",
		"{daily: 3}":              daily,
		"{daily: 3}, {weekly: 4}": daily + " 2016-01-03T07:02:03",
		// Where restic keeps one of five snapshots of the same instant, five images
		// tie and stay.
		"{daily: 7}, {weekly: 2}, {monthly: 3}, {yearly: 10}": daily + " 2016-01-08T20:02:03 2016-01-07T10:02:03 2016-01-06T08:02:03 2016-01-05T09:02:03 2015-11-22T10:20:30" +
			strings.Repeat(" 2015-10-22T10:20:30", 5) + " 2014-11-22T10:20:30",
		// restic also keeps the oldest of all (2014-08-08) until the rule has its ten:
		// here a period that has none does not count and nothing stands in for it.
		"{yearly: 10}": "2016-01-18T12:02:03 2015-11-22T10:20:30 2014-11-22T10:20:30",
	} {
		if got := stays(t, resticInstants(t), keep); strings.Join(got, " ") != want {
			t.Errorf("%s:\ngot  %s\nwant %s", keep, strings.Join(got, " "), want)
		}
	}
}

// restic's documentation counts, for one backup a day over as many years and
// 7 daily, 5 weekly, 12 monthly and 75 yearly: 7 days, 4 more weeks (the days
// hold one already), 11 or 12 months and 74 or 75 years. The dates are in the
// tags, since no image is older than Docker.
func TestResticHundredYears(t *testing.T) {
	for last, want := range map[string]int{
		// A Sunday that ends a month and a year: 7 days, 4 weeks, 11 months, 74 years.
		"2028-12-31": 7 + 4 + 11 + 74,
		// A Wednesday: the days reach into the week before and hold its Sunday; the
		// Sunday that ends May is one of the weeks, the last day of 2025 one of the
		// months.
		"2026-06-17": 7 + 3 + 10 + 73,
	} {
		w := newWorld()
		end, err := time.Parse("2006-01-02", last)
		if err != nil {
			t.Fatal(err)
		}
		first := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
		for at := end; !at.Before(first); at = at.AddDate(0, 0, -1) {
			tag := at.Format("20060102")
			w.image(tag, days(1))
			w.repo.Tags = append(w.repo.Tags, inventory.Tag{Name: tag, Digest: sha(tag)})
		}
		want -= 75 - (end.Year() - 1970 + 1) // dates in tags begin in 1970
		slices.SortFunc(w.repo.Tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) })
		by := ", by: {captured: day, as: date}}"
		text := oneRule(`{tags: ["/(?P<day>[0-9]{8})/"], remove: [{everything: true}], keep: [{daily: 7` + by + ", {weekly: 5" + by + ", {monthly: 12" + by + ", {yearly: 75" + by + "]}")
		got := 0
		for _, d := range parse(t, text).Evaluate(w.repo, nil, now).Decisions {
			if d.Verdict == Keep {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: %d stay, want %d", last, got, want)
		}
	}
}

// Proxmox: "the next option does not take care of already covered backups": an
// option counts only what the ones before it left and what is older. Here, as
// with restic, every condition looks at all images by itself, so one image can
// be the newest of a day and of a week. Both are told, theirs second.
func TestProxmoxPruning(t *testing.T) {
	week := instants(t, "2019-12-02T11:59:15", "2019-12-03T11:59:15", "2019-12-04T11:59:15", "2019-12-04T12:59:15")
	hours := instants(t, "2019-11-15T09:39:15", "2019-11-15T10:49:15", "2019-11-15T10:59:15", "2019-11-15T11:39:15", "2019-11-15T11:49:15", "2019-11-15T11:59:15")
	year := instants(t, "2018-11-15T11:59:15", "2019-11-15T11:59:15", "2019-11-21T11:59:15", "2019-11-22T11:59:15", "2019-11-29T11:59:15",
		"2019-12-01T11:59:15", "2019-12-02T11:59:15", "2019-12-03T11:59:15", "2019-12-04T11:59:15")
	for _, c := range []struct {
		of           []time.Time
		keep         string
		ours, theirs string // theirs where it differs
	}{
		{week, "{newest: 3}", "2019-12-04T12:59:15 2019-12-04T11:59:15 2019-12-03T11:59:15", ""},
		{week, "{newest: 1}", "2019-12-04T12:59:15", ""},
		{week, "{daily: 3}", "2019-12-04T12:59:15 2019-12-03T11:59:15 2019-12-02T11:59:15", ""},
		{week, "{daily: 2}", "2019-12-04T12:59:15 2019-12-03T11:59:15", ""},
		{week, "{weekly: 5}", "2019-12-04T12:59:15", ""},
		{week, "{monthly: 6}", "2019-12-04T12:59:15", ""},
		{week, "{yearly: 7}", "2019-12-04T12:59:15", ""},
		{week, "{daily: 1}, {weekly: 5}", "2019-12-04T12:59:15", ""},
		{week, "{weekly: 5}, {monthly: 6}, {yearly: 7}", "2019-12-04T12:59:15", ""},
		{week, "{newest: 2}, {daily: 2}", "2019-12-04T12:59:15 2019-12-04T11:59:15 2019-12-03T11:59:15", "and 2019-12-02T11:59:15"},
		{hours, "{hourly: 3}", "2019-11-15T11:59:15 2019-11-15T10:59:15 2019-11-15T09:39:15", ""},
		{hours, "{hourly: 2}", "2019-11-15T11:59:15 2019-11-15T10:59:15", ""},
		{year, "{daily: 1}", "2019-12-04T11:59:15", ""},
		{year, "{newest: 1}, {daily: 1}", "2019-12-04T11:59:15", "and 2019-12-03T11:59:15"},
		{year, "{daily: 1}, {weekly: 1}", "2019-12-04T11:59:15", "and 2019-12-01T11:59:15"},
		{year, "{daily: 1}, {weekly: 1}, {monthly: 1}", "2019-12-04T11:59:15", "and 2019-12-01T11:59:15 2019-11-22T11:59:15"},
		{year, "{monthly: 1}, {yearly: 1}", "2019-12-04T11:59:15", "and 2018-11-15T11:59:15"},
		// One more of each length says nearly the same: the week before, and the year before.
		{year, "{daily: 1}, {weekly: 2}", "2019-12-04T11:59:15 2019-12-01T11:59:15", ""},
		{year, "{monthly: 1}, {yearly: 2}", "2019-12-04T11:59:15 2018-11-15T11:59:15", ""},
	} {
		if got := strings.Join(stays(t, c.of, c.keep), " "); got != c.ours {
			t.Errorf("%s:\ngot  %s\nwant %s", c.keep, got, c.ours)
		}
	}
}
