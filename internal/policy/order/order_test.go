package order

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNatural(t *testing.T) {
	for _, pair := range [][2]string{{"build-9", "build-10"}, {"1.9", "1.10"}, {"01", "1"}, {"9", "a"}, {"a", "a0"}} {
		if Natural(pair[0], pair[1]) >= 0 {
			t.Errorf("%q is not before %q", pair[0], pair[1])
		}
	}
}

func TestNaturalIsTotalAndTransitive(t *testing.T) {
	name := rapid.StringMatching(`[0-2a.]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		if Natural(a, b) != -Natural(b, a) || (Natural(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q: %d and %d", a, b, Natural(a, b), Natural(b, a))
		}
		if Natural(a, b) <= 0 && Natural(b, c) <= 0 && Natural(a, c) > 0 {
			t.Errorf("%q, %q, %q", a, b, c)
		}
	})
}

func TestVersion(t *testing.T) {
	for tag, want := range map[string]string{"v1.2.3": "1.2.3", "1.2": "1.2.0", "1.2.3-rc.1": "1.2.3-rc.1", "v10.0.0": "10.0.0"} {
		if got, ok := Version(tag); !ok || got.String() != want {
			t.Errorf("Version(%q) = %v, %v", tag, got, ok)
		}
	}
	// A date parses as a version and would outrank every release.
	for _, tag := range []string{"20240131", "latest", "7", "main-1.2", "1.2.3.4", "2024-01.31"} {
		if got, ok := Version(tag); ok {
			t.Errorf("Version(%q) = %v", tag, got)
		}
	}
	if _, ok := CapturedVersion("7"); !ok {
		t.Error("a captured version needs no dot")
	}
}

func TestDate(t *testing.T) {
	want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"20260301", "2026-03-01", "2026.03.01", "2026-03-01T00:00:00Z", "20260301-000000", "202603010000"} {
		if got, ok := Date(text, time.UTC); !ok || !got.Equal(want) {
			t.Errorf("Date(%q) = %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "7", "20261301", "01-03-2026", "main"} {
		if got, ok := Date(text, time.UTC); ok {
			t.Errorf("Date(%q) = %v", text, got)
		}
	}
}
