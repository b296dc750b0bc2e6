package wrap

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// An answer lost the longest stall in its time, also one that goes on, and of
// one that had begun before it was asked for the rest.
func TestTheTimeThatAnAnswerLostToStalls(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var s stalls
		var idle atomic.Bool
		s.watch(func() bool { return !idle.Load() })
		time.Sleep(100 * ms)
		now := time.Now()
		if got := s.since(now.Add(-50*ms), now); got != 0 {
			t.Errorf("in peace: %v", got)
		}
		s.mu.Lock()
		s.due = now.Add(-30 * ms)
		s.mu.Unlock()
		if got := s.since(now.Add(-50*ms), now); got != 30*ms {
			t.Errorf("while it lasts: %v", got)
		}
		time.Sleep(3 * ms) // then it is awake
		now = time.Now()
		for long, want := range map[time.Duration]time.Duration{50 * ms: 32 * ms, 10 * ms: 10 * ms, 2 * ms: 2 * ms} {
			if got := s.since(now.Add(-long), now); got > want || got < want-3*ms {
				t.Errorf("of the last %v: %v, want %v", long, got, want)
			}
		}
		time.Sleep(20 * ms)
		if got := s.since(time.Now().Add(-10*ms), time.Now()); got != 0 {
			t.Errorf("afterwards: %v", got)
		}
		idle.Store(true)
		time.Sleep(10 * ms)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.watching {
			t.Error("it watches on")
		}
	})
}

// Answers that take long because this machine is busy do not say that the
// registry is.
func TestABusyMachineIsNoStrain(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{latency: 5 * time.Millisecond, jitter: time.Millisecond}
			throttle := NewThrottle(m, 0, 0)
			time.AfterFunc(2*time.Second, func() {
				m.mu.Lock()
				m.latency = 20 * time.Millisecond
				m.mu.Unlock()
				for until := time.Now().Add(8 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
					if known {
						throttle.stalls.mu.Lock()
						throttle.stalls.note(time.Now(), 15*time.Millisecond)
						throttle.stalls.mu.Unlock()
					}
				}
			})
			load(t, throttle, m, 10*time.Second)
			if strained := throttle.window.gave > 0; strained == known {
				t.Errorf("stalls known: %v, strained: %v", known, strained)
			}
		})
	}
}
