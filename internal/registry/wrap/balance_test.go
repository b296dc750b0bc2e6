package wrap

import (
	"math"
	"slices"
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
		{5 * time.Millisecond, 2, 200, false}, // not for long enough
		{5 * time.Millisecond, 2, 202, true},
		{50 * time.Millisecond, 2, 99, false}, // too few
		{50 * time.Millisecond, 2, 100, true},
	} {
		var b balance
		now, lost, rate := time.Unix(0, 0), false, 0.0
		for i := range c.answers {
			now = now.Add(c.each)
			if r, part := b.answered(i%c.everyth == 0, now); part > mostLate {
				lost, rate = true, r
			}
		}
		if lost != c.lost || lost && math.Abs(rate*c.each.Seconds()-1) > 0.02 {
			t.Errorf("one of %d slow, %d answers, one in %v: too many %v (want %v), %.1f a second", c.everyth, c.answers, c.each, lost, c.lost, rate)
		}
	}
}

// Where more than a few answers stay slow at a pace, a slower one is tried: once it
// has been so for two spans, not during a trial, and where that was of no use, not
// again for a while that gets longer.
func TestATrialOfASlowerPace(t *testing.T) {
	began := time.Unix(0, 0)
	for name, c := range map[string]struct {
		parts []float64 // one a second
		want  []verdict
	}{
		"quick": {[]float64{0, 0.02, 0.02, 0.02}, []verdict{asBefore, asBefore, asBefore, asBefore}},
		"once":  {[]float64{0.5, 0.01, 0.5, 0.02}, []verdict{asBefore, asBefore, asBefore, asBefore}},
		"helps": {[]float64{0.1, 0.06, 0.03, 0.05, 0.05}, []verdict{asBefore, trial, helped, asBefore, trial}},
		"of no use": {
			slices.Repeat([]float64{0.1}, 106),
			slices.Concat([]verdict{asBefore, trial, ofNoUse}, slices.Repeat([]verdict{asBefore}, 29), []verdict{trial, ofNoUse}, slices.Repeat([]verdict{asBefore}, 59), []verdict{trial, ofNoUse}, slices.Repeat([]verdict{asBefore}, 11)),
		},
	} {
		var b balance
		for i, part := range c.parts {
			if got := b.paced(100, part, began.Add(time.Duration(i)*time.Second)); got != c.want[i] {
				t.Errorf("%s: after %d seconds %d, want %d", name, i, got, c.want[i])
				break
			}
			if tried := b.tried > 0; tried != (c.want[i] == trial) {
				t.Errorf("%s: after %d seconds a trial is on: %v", name, i, tried)
			}
		}
	}
}
