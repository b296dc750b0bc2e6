package wrap

import (
	"math"
	"testing"
	"time"
)

// Some slow answers come from anywhere; more than that, for long enough and of
// enough answers, are too many.
func TestHowManyMayBeSlow(t *testing.T) {
	for _, c := range []struct {
		each    time.Duration // between two answers
		everyth int           // is slow
		answers int
		lost    bool
	}{
		{5 * time.Millisecond, 25, 2000, false},
		{5 * time.Millisecond, 15, 2000, true},
		{5 * time.Millisecond, 2, 400, false}, // not for long enough
		{5 * time.Millisecond, 2, 402, true},
		{50 * time.Millisecond, 2, 99, false}, // too few
		{50 * time.Millisecond, 2, 100, true},
	} {
		var b balance
		now, lost, rate := time.Unix(0, 0), false, 0.0
		for i := range c.answers {
			now = now.Add(c.each)
			if r, l := b.answered(i%c.everyth == 0, now); l {
				lost, rate = true, r
			}
		}
		if lost != c.lost || lost && math.Abs(rate*c.each.Seconds()-1) > 0.02 {
			t.Errorf("one of %d slow, %d answers, one in %v: too many %v (want %v), %.1f a second", c.everyth, c.answers, c.each, lost, c.lost, rate)
		}
	}
}
