package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// size writes bytes with three significant digits at most, decimal units as
// registries and container engines use them. Zero is "not known".
func size(bytes int64) string {
	if bytes <= 0 {
		return "–"
	}
	return exactSize(bytes)
}

func exactSize(bytes int64) string {
	if bytes < 1000 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	value, unit := float64(bytes), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		value /= 1000
		if value < 999.5 {
			break
		}
	}
	if value < 9.95 {
		return strconv.FormatFloat(value, 'f', 1, 64) + " " + unit
	}
	return strconv.FormatFloat(value, 'f', 0, 64) + " " + unit
}

const day = 24 * time.Hour

// age writes how long ago t was, "–" where it is not known.
func age(now time.Time, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return span(now.Sub(t))
}

// span writes a duration in its largest useful unit. Up to a year it counts
// days, because rules do.
func span(d time.Duration) string {
	if d < 0 {
		return "in " + span(-d)
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d < 366*day:
		return fmt.Sprintf("%dd", int(d/day))
	case d < 3*365*day:
		return fmt.Sprintf("%dmo", int(d/(30*day)))
	default:
		return fmt.Sprintf("%dy", int(d/(365*day)))
	}
}

// closer writes a duration that span would round to the limit it is past.
func closer(d time.Duration) string {
	switch {
	case d < time.Hour:
		return d.Truncate(time.Second).String()
	case d < 2*day:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		if hours := int((d % day).Hours()); hours > 0 {
			return fmt.Sprintf("%dd%dh", int(d/day), hours)
		}
		return fmt.Sprintf("%dd%dm", int(d/day), int((d % day).Minutes()))
	}
}

// count writes a number with its noun: "1 tag", "1,204 tags". A noun with a
// plural of its own is written "repository|repositories".
func count[N int | int64](n N, noun string) string {
	one, many, found := strings.Cut(noun, "|")
	if !found {
		many = one + "s"
	}
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}

func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short writes the first twelve hex digits of a digest.
func short(d oci.Digest) string {
	algorithm, hex, found := strings.Cut(string(d), ":")
	if !found || len(hex) <= 12 {
		return string(d)
	}
	return algorithm + ":" + hex[:12]
}

// and joins words as a sentence does.
func and(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// mostNamed is how many words of many are written out.
const mostNamed = 4

// some joins a few words and says how many more there are.
func some(words []string) string { return someOf(words, len(words)) }

// someOf is some of n words, of which the first few are given.
func someOf(words []string, n int) string {
	if n > mostNamed {
		return and(append(append([]string{}, words[:mostNamed-1]...), fmt.Sprintf("%d more", n-mostNamed+1)))
	}
	return and(words)
}
