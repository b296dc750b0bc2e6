package wrap

import "time"

// balance notices that some answers are slow all the time, which is no strain by
// itself: a registry that takes longer over what goes beyond its knee holds back
// who waits for its answers, so that as many come as it bears, and a part of them
// is slow for ever.
type balance struct {
	since         time.Time
	answers, late int
}

const (
	// What comes in balanceFor is judged, and no less than balanceAt answers.
	balanceFor = 2 * time.Second
	balanceAt  = 100
	// mostLate is the part of the answers that may be late, and balanceFrom the
	// latency from which on no more are because of this machine.
	mostLate    = 0.05
	balanceFrom = 20 * time.Millisecond
)

// answered takes in an answer. Where too many were slow, rate is how many are
// answered a second.
func (b *balance) answered(late bool, now time.Time) (rate float64, lost bool) {
	if b.since.IsZero() {
		b.since = now
	}
	if b.answers++; late {
		b.late++
	}
	took := now.Sub(b.since)
	if took < balanceFor || b.answers < balanceAt {
		return 0, false
	}
	rate, lost = float64(b.answers)/took.Seconds(), float64(b.late) > mostLate*float64(b.answers)
	*b = balance{}
	return rate, lost
}
