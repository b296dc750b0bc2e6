package wrap

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
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
		t.Error("not once, after easeAt")
	}
	throttle.startEase(now.Add(easeAt))
	if limit, bounded := throttle.pace.perSecond(); !bounded || limit > 1/0.080+0.01 || throttle.window.places() != 1 {
		t.Errorf("%.1f a second, %d in flight", limit, throttle.window.places())
	}
	for at := easeAt; throttle.look != nil; at += 80 * time.Millisecond {
		throttle.looked(headManifest, true, true, now.Add(at-20*time.Millisecond), now.Add(at))
	}
	if _, bounded := throttle.pace.perSecond(); bounded || throttle.window != before || throttle.strain.tolerance != 1 {
		t.Errorf("afterwards: bounded %v, %+v instead of %+v", bounded, throttle.window, before)
	}
	if throttle.unsure(now.Add(time.Hour)) {
		t.Error("looked again")
	}
}

// A look ends where nothing is asked any more whose answers can be compared, as
// when an undo has looked at everything and begins to push.
func TestALookEndsWithoutComparableAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(&model{latency: 20 * time.Millisecond}, 0, 0)
		began := time.Now()
		var pushed atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var workers sync.WaitGroup
		for range registry.MostInFlight {
			workers.Go(func() {
				for method := http.MethodHead; ctx.Err() == nil; {
					if throttle.underWay() {
						method = http.MethodPut
					}
					req, _ := http.NewRequestWithContext(ctx, method, "http://r.example/v2/app/manifests/v1", nil)
					resp, err := throttle.RoundTrip(req)
					if err != nil {
						continue
					}
					resp.Body.Close()
					if method == http.MethodPut && time.Since(began) > 10*time.Second {
						pushed.Add(1)
					}
				}
			})
		}
		workers.Wait()
		if rate, want := float64(pushed.Load())/10, 0.9*registry.MostInFlight/0.020; rate < want {
			t.Errorf("%.0f pushed a second, want %.0f", rate, want)
		}
	})
}

func (t *Throttle) underWay() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.look != nil
}
