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

// answering gives a throttle the answers of that long, one every so often; slow says
// which of them takes three times as long as the others.
func answering(throttle *Throttle, now time.Time, lasting, each time.Duration, slow func(i int) bool) time.Time {
	return answeringTo(headManifest, throttle, now, lasting, each, slow)
}

func answeringTo(kind class, throttle *Throttle, now time.Time, lasting, each time.Duration, slow func(i int) bool) time.Time {
	for i := range int(lasting / each) {
		now = now.Add(each)
		took := 20 * time.Millisecond
		if slow(i) {
			took *= 3
		}
		throttle.inFlight = 4
		throttle.answered(kind, now.Add(-took), now)
	}
	return now
}

// A slower pace is held where it helps, and after a second the old one comes back
// where it does not. It is not raised while it is tried.
func TestAPaceIsTriedAndTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		slow    int // every so many answers, while it is tried
		pace    float64
		tooMuch float64
	}{
		"it helps":        {slow: 1000, pace: 194, tooMuch: 200},
		"it is of no use": {slow: 10, pace: 200},
	} {
		throttle := NewThrottle(nil, 0, 0)
		now := time.Now()
		throttle.pace.slow(200, 200, now)
		throttle.pace.hold = time.Minute
		now = answering(throttle, now, 2100*time.Millisecond, 5*time.Millisecond, func(i int) bool { return i%10 == 5 })
		if pace, _ := throttle.pace.perSecond(); pace != 194 {
			t.Fatalf("%s: tried %.0f a second, want 194", name, pace)
		}
		throttle.pace.hold = 0
		now = answering(throttle, now, 900*time.Millisecond, 5*time.Millisecond, func(i int) bool { return i%c.slow == 5 })
		if pace, _ := throttle.pace.perSecond(); pace != 194 {
			t.Errorf("%s: %.0f a second while it is tried, want 194", name, pace)
		}
		throttle.pace.hold = time.Minute
		answering(throttle, now, 200*time.Millisecond, 5*time.Millisecond, func(i int) bool { return i%c.slow == 5 })
		if pace, _ := throttle.pace.perSecond(); pace != c.pace || c.tooMuch > 0 && throttle.pace.gave != c.tooMuch {
			t.Errorf("%s: then %.0f a second, and %.0f is too much; want %.0f, %.0f", name, pace, throttle.pace.gave, c.pace, c.tooMuch)
		}
	}
}

// A trial ends where nothing is asked any more whose answers can be compared, as
// when an undo has looked at everything and begins to push.
func TestATrialEndsWithoutComparableAnswers(t *testing.T) {
	throttle := NewThrottle(nil, 0, 0)
	now := time.Now()
	throttle.pace.slow(200, 200, now)
	now = answering(throttle, now, 2100*time.Millisecond, 5*time.Millisecond, func(i int) bool { return i%10 == 5 })
	if throttle.balance.tried == 0 {
		t.Fatal("no trial")
	}
	answeringTo(incomparable, throttle, now, 2*time.Second, 5*time.Millisecond, func(int) bool { return true })
	if throttle.balance.tried != 0 {
		t.Error("it goes on for ever")
	}
}

// One request after the other of which most are slow is too much, though not so
// many that it looks like strain.
func TestOneRequestAtATimeIsTooMuch(t *testing.T) {
	for ofFive, want := range map[int]bool{3: true, 2: false} {
		throttle := NewThrottle(nil, 0, 0)
		throttle.sure = true
		now := answering(throttle, time.Now(), time.Second, 19*time.Millisecond, func(int) bool { return false })
		throttle.window = window{size: 1, bound: 64, gave: 1, hold: time.Minute, since: now}
		throttle.strain.classes[headManifest].least = balanceFrom - 1
		answering(throttle, now, 4*time.Second, 19*time.Millisecond, func(i int) bool { return throttle.look == nil && i*ofFive%5 < ofFive })
		if _, bounded := throttle.pace.perSecond(); bounded != want {
			t.Errorf("%d of five slow: a pace %v, want %v", ofFive, bounded, want)
		}
	}
}
