// Package calendar says which hour, day, ISO week, month or year an instant
// belongs to in a time zone.
//
// It promises that two instants have the same key exactly when they are in the
// same period, and that an hour that the clocks pass twice is two hours. It
// knows no clock.
package calendar

import "time"

// Period is a length of calendar time.
type Period uint8

// Periods. Weeks are those of ISO 8601: they begin on Monday, and the first of
// a year is the one with its first Thursday.
const (
	Hour Period = iota
	Day
	Week
	Month
	Year
)

// Key names one period of its kind. Keys of different kinds are not to be
// compared.
type Key struct{ a, b int32 }

// Of is the period that t belongs to in the time zone.
func (p Period) Of(t time.Time, zone *time.Location) Key {
	t = t.In(zone)
	switch p {
	case Hour:
		_, offset := t.Zone()
		local := t.Unix() + int64(offset)
		hour := local / 3600
		if local%3600 < 0 {
			hour--
		}
		return Key{int32(hour), int32(offset)}
	case Week:
		year, week := t.ISOWeek()
		return Key{int32(year), int32(week)}
	case Day:
		return Key{int32(t.Year()), int32(t.YearDay())}
	case Month:
		return Key{int32(t.Year()), int32(t.Month())}
	default:
		return Key{int32(t.Year()), 0}
	}
}
