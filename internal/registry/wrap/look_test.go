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

// Three answers say whether it helped to ask less where they are all quick or all
// slow; where they are mixed it takes ten, and two of three must be quick.
func TestALookAtMixedAnswersTakesLonger(t *testing.T) {
	for _, c := range []struct {
		slow   func(i int) bool
		want   int // answers
		helped bool
	}{
		{func(int) bool { return false }, 3, true},
		{func(int) bool { return true }, 3, false},
		{func(i int) bool { return i%4 == 0 }, 10, true},
		{func(i int) bool { return i%2 == 0 }, 10, false},
	} {
		now := time.Now()
		throttle := NewThrottle(nil, 0, 0)
		throttle.strain.ease(headManifest, 20*time.Millisecond, now)
		throttle.noWindow(3, now) // so few that there is no look with pauses
		looked := 0
		for at := now.Add(lookFor); throttle.look != nil; at = at.Add(200 * time.Millisecond) {
			throttle.looked(headManifest, c.slow(looked), true, at, at.Add(100*time.Millisecond))
			looked++
		}
		if helped := throttle.series < 0; looked != c.want || helped != c.helped {
			t.Errorf("after %d answers: helped %v; want %d, %v", looked, helped, c.want, c.helped)
		}
	}
}

// A pace that a look has found right is looked at again when it has come down to a
// quarter: what goes on being slow then is slow for other reasons.
func TestAPaceThatComesDownFurtherIsLookedAtAgain(t *testing.T) {
	now := time.Now()
	throttle := NewThrottle(nil, 0, 0)
	throttle.strain.ease(headManifest, 20*time.Millisecond, now)
	throttle.pace.set(100, now)
	throttle.series = -100
	for asked := 100.0; throttle.look == nil; asked, _ = throttle.pace.perSecond() {
		if asked < 10 {
			t.Fatalf("%.0f a second, and no look", asked)
		}
		now = now.Add(time.Second)
		throttle.tooMuch(asked, asked, now)
		if after, _ := throttle.pace.perSecond(); throttle.look == nil && after < 25 {
			t.Fatalf("%.0f a second, and no look", after)
		}
	}
}

// What shrank the window before it was known that answers differ was no strain.
func TestAWindowProbesAgainWhereAnswersDiffer(t *testing.T) {
	now := time.Now()
	throttle := NewThrottle(nil, 0, 0)
	throttle.window.size = 40
	throttle.window.shrink(20, 100, 50*time.Millisecond, now)
	throttle.strain.lately, throttle.strain.since, throttle.strain.slow = 1, now, 9
	throttle.strain.classes[headManifest].spread.of = 2 * firstBlock
	throttle.differ(headManifest)
	if size := throttle.window.size; !throttle.window.probing || size != 20 || throttle.strain.slow != 0 {
		t.Errorf("%+v, %d slow", throttle.window, throttle.strain.slow)
	}
	throttle.window.shrink(10, 100, 50*time.Millisecond, now)
	throttle.strain.classes[headManifest].spread.of = lastBlock
	if throttle.differ(headManifest); throttle.window.probing {
		t.Error("probes again late, when it may have been strain")
	}
}
