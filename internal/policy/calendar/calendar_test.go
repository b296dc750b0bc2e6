package calendar

import (
	"testing"
	"time"
)

func TestPeriods(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, c := range []struct {
		name   string
		period Period
		zone   *time.Location
		a, b   string
		same   bool
	}{
		{"one hour", Hour, time.UTC, "2026-01-01T10:00:00Z", "2026-01-01T10:59:59Z", true},
		{"the next hour", Hour, time.UTC, "2026-01-01T10:59:59Z", "2026-01-01T11:00:00Z", false},
		{"the hour that clocks pass twice", Hour, berlin, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", false},
		{"a day of 25 hours", Day, berlin, "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", true},
		{"the day after it", Day, berlin, "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z", false},
		{"a day of 23 hours", Day, berlin, "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", true},
		{"midnight elsewhere", Day, berlin, "2026-06-01T21:59:59Z", "2026-06-01T22:00:00Z", false},
		{"the same in UTC", Day, time.UTC, "2026-06-01T21:59:59Z", "2026-06-01T22:00:00Z", true},
		{"an ISO week over New Year", Week, time.UTC, "2024-12-30T00:00:00Z", "2025-01-05T23:59:59Z", true},
		{"week 53", Week, time.UTC, "2020-12-28T00:00:00Z", "2021-01-03T12:00:00Z", true},
		{"Sunday and Monday", Week, time.UTC, "2025-01-05T12:00:00Z", "2025-01-06T12:00:00Z", false},
		{"week 1 of two years", Week, time.UTC, "2024-01-02T00:00:00Z", "2025-01-02T00:00:00Z", false},
		{"the end of a leap February", Month, time.UTC, "2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z", true},
		{"March", Month, time.UTC, "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z", false},
		{"the same month of another year", Month, time.UTC, "2024-02-29T00:00:00Z", "2025-02-28T00:00:00Z", false},
		{"the same day of another year", Day, time.UTC, "2024-02-28T00:00:00Z", "2025-02-28T00:00:00Z", false},
		{"one year", Year, time.UTC, "2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z", true},
		{"New Year elsewhere", Year, berlin, "2025-12-31T22:59:59Z", "2025-12-31T23:00:00Z", false},
	} {
		if same := c.period.Of(at(c.a), c.zone) == c.period.Of(at(c.b), c.zone); same != c.same {
			t.Errorf("%s: the same is %v", c.name, same)
		}
	}
}
