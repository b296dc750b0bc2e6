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
		w.shrink(8, 50*time.Millisecond, now)
		now = now.Add(time.Minute)
		for range enough {
			w.answered(w.places())
		}
		w.grow(now, time.Millisecond)
		return w
	}
	w := grown()
	before := w.before
	if before == 0 || w.size <= before {
		t.Fatalf("from %g to %g", before, w.size)
	}
	if w.shrink(1, 50*time.Millisecond, now); w.size != before {
		t.Errorf("shrank to %g, want %g", w.size, before)
	}
	w = grown()
	w.fit(10)
	w.free()
	if w.shrink(60, 50*time.Millisecond, now); w.size != 60 {
		t.Errorf("after a pace it shrank to %g, want 60", w.size)
	}
}
