package wrap

import (
	"testing"
	"time"
)

// A look at ease concludes nothing: what may be in flight and be sent is as it
// was before.
func TestALookAtEaseLeavesWindowAndPace(t *testing.T) {
	now := time.Now()
	throttle := NewThrottle(nil, 0, 0)
	throttle.inFlight = 2 * startConcurrency
	throttle.strain.ease(headManifest, 20*time.Millisecond, now)
	throttle.window.size = 40
	throttle.window.shrink(30, 1000, time.Millisecond, now)
	before := throttle.window
	if throttle.unsure(now) || !throttle.unsure(now.Add(easeAt+1)) {
		t.Error("not once, after five seconds")
	}
	throttle.startEase(now.Add(easeAt))
	if limit, bounded := throttle.pace.perSecond(); !bounded || limit > 1/0.080+0.01 || throttle.window.places() != 1 {
		t.Errorf("%.1f a second, %d in flight", limit, throttle.window.places())
	}
	for at := easeAt; throttle.look != nil; at += 80 * time.Millisecond {
		throttle.looked(true, true, now.Add(at-20*time.Millisecond), now.Add(at))
	}
	if _, bounded := throttle.pace.perSecond(); bounded || throttle.window != before || throttle.strain.tolerance != 1 {
		t.Errorf("afterwards: bounded %v, %+v instead of %+v", bounded, throttle.window, before)
	}
	if throttle.unsure(now.Add(time.Hour)) {
		t.Error("looked again")
	}
}
