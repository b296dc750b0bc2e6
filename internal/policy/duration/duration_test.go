package duration

import (
	"errors"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Duration{
		"90m": {0, 90 * time.Minute}, "36h": {0, 36 * time.Hour}, "30d": {0, 720 * time.Hour}, "2w": {0, 14 * 24 * time.Hour},
		"6mo": {6, 0}, "1y": {12, 0}, "1w2d": {0, 9 * 24 * time.Hour}, "1y6mo1d": {18, 24 * time.Hour}, "0d": {}, "007d": {0, 168 * time.Hour},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v", text, got, err)
		}
	}
	for text, suggestion := range map[string]string{
		"30": "30d", "30 d": "30d", "30 days": "30d", "-1d": "", "": "", "d": "", "1.5d": "", "30days": "30d", "6M": "6mo", "6months": "6mo", "2d1w": "", "1d1d": "",
		"101y": "", "99999999999d": "", "1s": "", "1000000d": "", "30D": "30d", "30d ": "", "1h30min": "1h30m", "∞": "", "1e3d": "",
	} {
		got, err := Parse(text)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("Parse(%q) = %v, %v", text, got, err)
		} else if fault.Suggestion != suggestion {
			t.Errorf("Parse(%q) suggests %q, want %q", text, fault.Suggestion, suggestion)
		}
	}
}

func TestCalendarArithmetic(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse("2006-01-02", s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, c := range []struct{ from, back, want string }{
		{"2026-03-31", "1mo", "2026-02-28"}, // the last day of a shorter month
		{"2024-03-31", "1mo", "2024-02-29"},
		{"2024-02-29", "1y", "2023-02-28"},
		{"2026-01-15", "6mo", "2025-07-15"},
		{"2026-03-31", "1mo1d", "2026-02-27"},
		{"2026-03-30", "30d", "2026-02-28"},
	} {
		d, err := Parse(c.back)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Before(at(c.from)); !got.Equal(at(c.want)) {
			t.Errorf("%s before %s is %s, want %s", c.back, c.from, got.Format("2006-01-02"), c.want)
		}
	}
	d, _ := Parse("1mo")
	if got := d.After(at("2026-01-31")); !got.Equal(at("2026-02-28")) {
		t.Errorf("1mo after 2026-01-31 is %s", got)
	}
}

func TestStringIsRead(t *testing.T) {
	for _, text := range []string{"90m", "36h", "30d", "2w", "6mo", "1y", "1y6mo", "1mo1w2d3h4m", "0d"} {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(d.String()); err != nil || again != d {
			t.Errorf("%s is written %s and read %v, %v", text, d, again, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"10MB": 10_000_000, "2GiB": 2 << 30, "500kB": 500_000, "1B": 1, "0B": 0, "5368709121B": 5<<30 + 1, "0009223372036854775807B": 1<<63 - 1} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
	}
	for text, suggestion := range map[string]string{"10": "10MB", "10mb": "10MB", "2G": "2GB", "-1MB": "", "1.5GB": "", "x": "", "999999999TiB": "", "9223372036854775808B": "", "2gib": "2GiB"} {
		_, err := ParseSize(text)
		var fault *Error
		if !errors.As(err, &fault) || fault.Suggestion != suggestion {
			t.Errorf("ParseSize(%q): %#v, want the suggestion %q", text, err, suggestion)
		}
	}
}
