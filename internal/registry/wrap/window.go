package wrap

import (
	"math"
	"time"
)

// window is how many requests may be in flight. It doubles per round trip, as
// long as answers come as soon as they could, until it reaches its bound or
// something gives.
//
// A registry that has more in hand than it can work on answers as many a second
// when less is asked at once: what is left out only waited. Then the window finds
// out how many that are. It shrinks to what the registry had in hand, and grows
// again in steps, the more rarely the more often the same size was too much. Where
// fewer in flight are answered far more often than more were before, the registry
// did not have too much in hand: something stood still for a moment, and the first
// time the window takes its size again at once.
//
// Where there is a pace, that says how many are sent, and the window leaves room
// for three times as many as are in flight at that pace when the registry is at
// ease.
type window struct {
	size, bound float64
	probing     bool // nothing has given yet

	gave   float64 // the size that was too much last
	bore   float64 // answers a second at that size
	hold   time.Duration
	beyond int // steps past gave

	since         time.Time // of the last step
	answers, used int       // since then; those that came while the window was used up
	before        float64   // the size before the last step; 0: that went down
	crowded       crowding  // when it shrank last; zero: it has grown since
}

// crowding is how long answers took when so many were in flight.
type crowding struct {
	size float64
	took time.Duration
}

const (
	// shrinkAtLeast and shrinkAtMost are the parts of its size to which a window
	// shrinks: what holds this machine up looks like strain and shows no rate, so
	// one such sign halves it.
	shrinkAtLeast, shrinkAtMost = 0.95, 0.5
	// tellsMore is the part of a size from which on a smaller window says
	// whether it helped, and helps where answers take no more than that part of
	// the time.
	tellsMore, helps = 0.6, 0.8
	// stoodStill is how many times as often as before a smaller window is answered
	// when it was not the registry that had too much in hand.
	stoodStill = 2
	// whole keeps what is computed from making two places of one.
	whole = 0.01
)

func newWindow(bound int) window {
	return window{size: float64(min(startConcurrency, bound)), bound: float64(bound), probing: true, hold: leastHold}
}

func (w *window) places() int { return max(1, int(math.Ceil(w.size-whole))) }

// answered grows the window where it was used up: otherwise nothing was learned
// about more. An answer that came late does not grow it, and so a registry is not
// asked for more and more in the time that it takes until it looks strained.
func (w *window) answered(inFlight int, late bool) {
	w.answers++
	if inFlight < w.places()-1 {
		return
	}
	w.used++
	if w.probing && !late {
		w.size = min(w.bound, w.size+1)
	}
}

// helpless says that answers which took that long did not come sooner for
// fewer in flight.
func (w *window) helpless(took time.Duration) bool {
	return w.size <= 1 || w.crowded.size > 0 && w.size <= tellsMore*w.crowded.size && float64(took) > helps*float64(w.crowded.took)
}

// shrink makes room for no more than that many, where answers took that long
// because too many were in flight, and rate came a second. After a step upwards it
// takes the step back.
func (w *window) shrink(to, rate float64, took time.Duration, now time.Time) {
	if w.size > sameAtLeast*w.gave && w.size < sameAtMost*w.gave {
		w.hold = min(mostHold, 4*w.hold)
	} else {
		w.hold = leastHold
	}
	if w.crowded.size == 0 || w.size <= tellsMore*w.crowded.size {
		w.crowded = crowding{w.size, took}
	}
	gave := w.size
	switch {
	case w.before > 0:
		w.size = w.before
	case w.size <= 2:
		w.size = 1
	default:
		w.size = max(1, min(max(to, shrinkAtMost*w.size), shrinkAtLeast*w.size))
	}
	w.gave, w.bore, w.beyond = min(gave, 2*w.size), rate, 0
	w.step(0, now)
}

// grow makes a step when the size was kept for long enough to be seen at work,
// and used up.
func (w *window) grow(now time.Time, latency time.Duration) {
	hold, kept := w.hold, now.Sub(w.since)
	if w.size < sameAtLeast*w.gave {
		hold = leastHold
	}
	if w.probing || w.size >= w.bound || kept < max(hold, leastHold+4*latency) || w.answers < enough || 2*w.used < w.answers {
		return
	}
	before := w.size
	switch rate := float64(w.answers) / kept.Seconds(); {
	case w.size < w.gave && w.hold == leastHold && rate > stoodStill*w.bore:
		w.size = w.gave
	case w.size < w.gave:
		w.size += max((paceRaise-1)*w.size, (w.gave-w.size)/4)
	default:
		w.beyond++
		w.size *= beyondRaise(w.beyond)
	}
	w.size, w.crowded = min(w.size, w.bound), crowding{}
	w.step(before, now)
}

// step begins to count for a size that came after before, or down to which the
// window shrank (0).
func (w *window) step(before float64, now time.Time) {
	w.probing = false
	w.before, w.since, w.answers, w.used = before, now, 0, 0
}

// probe begins anew at the size that it has.
func (w *window) probe() { *w = window{size: w.size, bound: w.bound, probing: true, hold: leastHold} }

// fit follows a pace of that many in flight on average; 0: not known.
func (w *window) fit(inFlight float64) {
	w.probing = false
	w.before, w.crowded = 0, crowding{}
	if inFlight > 0 {
		w.size = max(1, min(w.bound, 3*inFlight+1))
	}
}

// free leaves everything to the bound again.
func (w *window) free() { w.size = w.bound }
