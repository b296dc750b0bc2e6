package wrap

import (
	"testing"
	"time"
)

// A step upwards is taken back when it turns out to be too much, but not one
// from before there was a pace: that says nothing about the size left since.
func TestAWindowTakesBackItsLastStepAlone(t *testing.T) {
	now := time.Now()
	grown := func() window {
		w := newWindow(64)
		w.shrink(8, 0, 50*time.Millisecond, now)
		now = now.Add(time.Minute)
		for range enough {
			w.answered(w.places(), false)
		}
		w.grow(now, time.Millisecond)
		return w
	}
	w := grown()
	before := w.before
	if before == 0 || w.size <= before {
		t.Fatalf("from %g to %g", before, w.size)
	}
	if w.shrink(1, 0, 50*time.Millisecond, now); w.size != before {
		t.Errorf("shrank to %g, want %g", w.size, before)
	}
	w = grown()
	w.fit(10)
	w.free()
	if w.shrink(60, 0, 50*time.Millisecond, now); w.size != 60 {
		t.Errorf("after a pace it shrank to %g, want 60", w.size)
	}
}

// What is answered twice as often by a smaller window did not have too much in
// hand before: the first time, the window takes its size again at once. What is
// answered no more often, or gives again at that size, is found out in steps.
func TestAWindowGetsOverAMoment(t *testing.T) {
	const before, after = 40, 20
	for name, c := range map[string]struct {
		answers int // in the second after it shrank at a hundred a second
		again   bool
		want    float64
	}{
		"more than twice as many": {answers: 201, want: before},
		"twice as many":           {answers: 200, want: after + (before-after)/4},
		"as many":                 {answers: 100, want: after + (before-after)/4},
		"for the second time":     {answers: 201, again: true, want: after + (before-after)/4},
	} {
		now := time.Now()
		w := newWindow(64)
		for times := 0; times == 0 || c.again && times == 1; times++ {
			w.size, w.before = before, 0
			w.shrink(after, 100, 50*time.Millisecond, now)
		}
		now = now.Add(time.Second)
		for range c.answers {
			w.answered(w.places(), false)
		}
		if w.grow(now, time.Millisecond); w.size != c.want {
			t.Errorf("%s: %g in flight, want %g", name, w.size, c.want)
		}
	}
}
