package order

import (
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// Version reads a tag as a semantic version: an optional v, and at least two
// numbers with a dot between them. "20240131" is a date to everybody but a
// version parser and would outrank every release, so it is no version.
func Version(tag string) (*semver.Version, bool) {
	core, _, _ := strings.Cut(tag, "-")
	if !strings.Contains(core, ".") {
		return nil, false
	}
	return CapturedVersion(tag)
}

// CapturedVersion reads what an expression captured as a version: there the
// writer of the policy said that it is one, so it needs no dot.
func CapturedVersion(text string) (*semver.Version, bool) {
	version, err := semver.NewVersion(text)
	return version, err == nil
}

// Dated says whether a version may as well be a date: 2024.01.31 or 2024.1. Next
// to other versions it would outrank every release.
func Dated(v *semver.Version) bool {
	return v.Major() >= 1970 && v.Major() < 2100 && v.Minor() >= 1 && v.Minor() <= 12 && v.Patch() <= 31
}

// Layouts in which dates stand in tags, the longest first.
var layouts = []string{
	time.RFC3339, "2006-01-02T15-04-05Z", "2006-01-02T15-04-05", "2006-01-02_15-04-05", "2006-01-02-15-04-05",
	"20060102T150405Z", "20060102T150405", "20060102-150405", "20060102.150405", "20060102_150405", "20060102150405", "2006-01-02-1504",
	"20060102-1504", "20060102.1504", "200601021504", "2006-01-02", "2006.01.02", "2006_01_02", "20060102",
}

// Date reads a date or a time in one of the usual layouts, in the zone where
// the text names none.
func Date(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
