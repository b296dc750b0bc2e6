package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

func TestSizes(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "–", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		84_000_000: "84 MB", 1_900_000_000: "1.9 GB", 5_000_000_000_000: "5.0 TB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %q, want %q", bytes, got, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 47 * time.Hour: "47h", 48 * time.Hour: "2d",
		365 * day: "365d", 400 * day: "13mo", 3 * 365 * day: "3y", -36 * time.Hour: "in 36h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		30*day + 4*time.Hour: "30d4h", 30*day + 5*time.Minute: "30d5m", 36*time.Hour + time.Minute: "36h1m", 90 * time.Second: "1m30s",
	} {
		if got := closer(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := age(time.Now(), time.Time{}); got != "–" {
		t.Errorf("an unknown age is %q", got)
	}
}

func TestCounts(t *testing.T) {
	for _, test := range []struct {
		n          int
		noun, want string
	}{{1, "tag", "1 tag"}, {0, "tag", "0 tags"}, {1204, "tag", "1,204 tags"}, {1, "repository|repositories", "1 repository"}, {1234567, "repository|repositories", "1,234,567 repositories"}} {
		if got := count(test.n, test.noun); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	if got := thousands(-1234); got != "-1,234" {
		t.Error(got)
	}
	if got := some(strings.Split("a b c d e", " ")); got != "a, b, c and 2 more" {
		t.Error(got)
	}
	if got := some([]string{"a", "b", "c", "d"}); got != "a, b, c and d" {
		t.Error(got)
	}
	for n, want := range map[int64]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 111: "111th", 122: "122nd"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestShortDigests(t *testing.T) {
	if got := short(oci.FromBytes(nil)); got != "sha256:e3b0c44298fc" {
		t.Error(got)
	}
	if got := short(""); got != "" {
		t.Error(got)
	}
}
