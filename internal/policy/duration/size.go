package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"B", 1},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
}

// ParseSize reads a size in bytes: a whole number and one of the units B, kB,
// MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).
func ParseSize(text string) (int64, error) {
	fail := func(reason, suggestion string) (int64, error) {
		return 0, &Error{Text: text, Reason: reason, Suggestion: suggestion}
	}
	number, tail := digits(text)
	name := strings.TrimPrefix(tail, " ")
	switch {
	case strings.HasPrefix(text, "-"):
		return fail("is negative", "")
	case number == "":
		return fail("is no size: write a number and a unit, such as 500MB or 2GiB", "")
	case name == "":
		return fail("has no unit", number+"MB")
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, ","):
		return fail("has a fraction: use a smaller unit, such as 1500MB", "")
	}
	for _, u := range sizeUnits {
		if u.name != name {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > math.MaxInt64/u.bytes {
			return fail("is larger than anything a registry holds", "")
		}
		return n * u.bytes, nil
	}
	for _, u := range sizeUnits {
		short := strings.TrimSuffix(u.name, "B")
		if strings.EqualFold(u.name, name) || short != "" && strings.EqualFold(short, name) {
			return fail(fmt.Sprintf("has the unit %q", name), number+u.name)
		}
	}
	return fail(fmt.Sprintf("has the unit %q; known are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB", name), "")
}
