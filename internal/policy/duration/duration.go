// Package duration reads the durations and sizes that people write in policy
// files: "30d", "1w2d", "6mo", "10MB", "2GiB".
//
// It promises that a value is positive or zero, that nothing is guessed (a
// number without a unit is refused), and that the same text always means the
// same. It knows no clock.
package duration

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a length of time: whole calendar months and an exact rest.
type Duration struct {
	Months int
	Exact  time.Duration
}

// longest is the most that anybody can mean; beyond it is a slip.
const longestYears = 100

type unit struct {
	name   string
	months int
	exact  time.Duration
}

// From the largest: the order in which a sum is written.
var units = []unit{
	{"y", 12, 0},
	{"mo", 1, 0},
	{"w", 0, 7 * 24 * time.Hour},
	{"d", 0, 24 * time.Hour},
	{"h", 0, time.Hour},
	{"m", 0, time.Minute},
}

var longUnits = map[string]string{
	"year": "y", "years": "y", "month": "mo", "months": "mo", "mon": "mo", "M": "mo", "MO": "mo",
	"week": "w", "weeks": "w", "W": "w", "day": "d", "days": "d", "D": "d",
	"hour": "h", "hours": "h", "H": "h", "min": "m", "minutes": "m", "minute": "m", "Y": "y",
}

// Error says why a text is no duration or size, and what it may have meant.
type Error struct {
	Text       string
	Reason     string
	Suggestion string
}

func (e *Error) Error() string { return fmt.Sprintf("%q %s", e.Text, e.Reason) }

// Parse reads a duration: numbers with the units m, h, d, w, mo and y, the
// largest first, each at most once.
func Parse(text string) (Duration, error) {
	fail := func(reason, suggestion string) (Duration, error) {
		return Duration{}, &Error{Text: text, Reason: reason, Suggestion: suggestion}
	}
	rest := text
	var sum Duration
	last := -1
	for rest != "" {
		number, tail := digits(rest)
		name, after := letters(tail)
		switch {
		case strings.HasPrefix(rest, "-"):
			return fail("is negative: write how long ago, such as 30d", "")
		case number == "":
			return fail("is no duration: write a number and a unit, such as 30d, 36h, 6mo or 1w2d", "")
		case name == "" && (strings.HasPrefix(tail, ".") || strings.HasPrefix(tail, ",")):
			return fail("has a fraction: use a smaller unit, such as 36h for a day and a half", "")
		case name == "" && strings.HasPrefix(tail, " "):
			return blank(text)
		case name == "" && tail == "":
			return fail("has no unit", number+"d")
		}
		at := -1
		for i, u := range units {
			if u.name == name {
				at = i
			}
		}
		if at < 0 {
			suggestion := ""
			if short, known := longUnits[name]; known {
				suggestion = text[:len(text)-len(tail)] + short + after
			}
			return fail(fmt.Sprintf("has the unit %q; known are m, h, d, w, mo and y", name), suggestion)
		}
		if at <= last {
			return fail("must have its units from large to small, each once", "")
		}
		last = at
		n, ok := small(number)
		if !ok {
			return fail("is longer than 100 years", "")
		}
		sum.Months += n * units[at].months
		if units[at].exact > 0 {
			if n > int(longestYears*366*24*time.Hour/units[at].exact) {
				return fail("is longer than 100 years", "")
			}
			sum.Exact += time.Duration(n) * units[at].exact
		}
		if sum.Months > longestYears*12 || sum.Exact > longestYears*366*24*time.Hour {
			return fail("is longer than 100 years", "")
		}
		rest = after
	}
	if last < 0 {
		return fail("is no duration: write a number and a unit, such as 30d", "")
	}
	return sum, nil
}

// blank refuses "30 days" and knows what it means.
func blank(text string) (Duration, error) {
	fault := &Error{Text: text, Reason: "has a blank: a duration is one word, such as 30d"}
	if _, err := Parse(strings.ReplaceAll(text, " ", "")); err == nil {
		fault.Suggestion = strings.ReplaceAll(text, " ", "")
	} else if near, ok := err.(*Error); ok {
		fault.Suggestion = near.Suggestion
	}
	return Duration{}, fault
}

// Before is the instant this long before t. Months and years are counted on
// the calendar in UTC; where the day does not exist in the month that is
// reached, its last day is taken.
func (d Duration) Before(t time.Time) time.Time {
	return d.shift(t.UTC(), -1)
}

// After is the instant this long after t, counted as Before counts.
func (d Duration) After(t time.Time) time.Time {
	return d.shift(t.UTC(), 1)
}

func (d Duration) shift(t time.Time, sign int) time.Time {
	if d.Months != 0 {
		day := t.Day()
		first := t.AddDate(0, 0, 1-day).AddDate(0, sign*d.Months, 0)
		lastDay := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(day, lastDay)-1)
	}
	return t.Add(time.Duration(sign) * d.Exact)
}

// Zero says whether the duration has no length.
func (d Duration) Zero() bool { return d == Duration{} }

// String writes the duration in its canonical form, as Parse reads it: whole
// years or months, then days, hours and minutes.
func (d Duration) String() string {
	var b strings.Builder
	write := func(n int64, unit string) {
		if n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit)
		}
	}
	if d.Months%12 == 0 {
		write(int64(d.Months/12), "y")
	} else {
		write(int64(d.Months), "mo")
	}
	const day = 24 * time.Hour
	write(int64(d.Exact/day), "d")
	write(int64(d.Exact%day/time.Hour), "h")
	write(int64(d.Exact%time.Hour/time.Minute), "m")
	if b.Len() == 0 {
		return "0m"
	}
	return b.String()
}

// Rough is about how long the duration is, to compare two of them.
func (d Duration) Rough() time.Duration {
	return time.Duration(float64(d.Months)*365.25/12*24*float64(time.Hour)) + d.Exact
}

func digits(s string) (head, tail string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

func letters(s string) (head, tail string) {
	i := 0
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z') {
		i++
	}
	return s[:i], s[i:]
}

// small reads a number of at most nine digits.
func small(number string) (int, bool) {
	number = strings.TrimLeft(number, "0")
	if len(number) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(number) {
		n = n*10 + int(c-'0')
	}
	return n, true
}
