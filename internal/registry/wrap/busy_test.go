package wrap

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// busy is a registry that computes its answers, so many at a time: whoever
// comes while all of its processors are busy waits. How long it computes is
// distributed log-normally around mean, with a deviation of spread times that
// beyond least.
type busy struct {
	processors  int
	mean, least time.Duration
	spread      float64
	network     time.Duration
	stalls      time.Duration // of the client, ten times a second: answers come when they end

	mu       sync.Mutex
	random   *rand.Rand
	free     []time.Time
	begun    time.Time
	early    int // answers in the first three seconds
	late     int // after ten
	inFlight int
	most     int // after ten
}

func (b *busy) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := pause(req.Context(), b.take(time.Now())); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	switch at := time.Since(b.begun); {
	case at < 3*time.Second:
		b.early++
	case at >= 10*time.Second:
		b.late++
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func (b *busy) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == nil {
		b.random, b.free, b.begun = rand.New(rand.NewPCG(1, 2)), make([]time.Time, b.processors), now
	}
	if b.inFlight++; now.Sub(b.begun) >= 10*time.Second {
		b.most = max(b.most, b.inFlight)
	}
	next := 0
	for i, free := range b.free {
		if free.Before(b.free[next]) {
			next = i
		}
	}
	variance := math.Log(1 + b.spread*b.spread)
	more := float64(b.mean-b.least) * math.Exp(math.Sqrt(variance)*b.random.NormFloat64()-variance/2)
	b.free[next] = maxTime(now, b.free[next]).Add(b.least + time.Duration(more))
	took := b.free[next].Sub(now) + b.network
	if b.stalls > 0 {
		period, at := time.Second/10, now.Add(took)
		if into := time.Duration(at.UnixNano()) % period; into < b.stalls {
			took += b.stalls - into
		}
	}
	return took
}

// capacity is how many it answers a second when it never waits for a question.
func (b *busy) capacity() float64 {
	return min(float64(b.processors)/b.mean.Seconds(), registry.MostInFlight/(b.mean+b.network).Seconds())
}

// askFor asks the same again and again for so long, with as many requests at once
// as may be in flight. It returns how many were answered.
func askFor(t *testing.T, throttle *Throttle, lasting time.Duration) int64 {
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var workers sync.WaitGroup
	var answered atomic.Int64
	for range registry.MostInFlight {
		workers.Go(func() {
			for ctx.Err() == nil {
				req, _ := http.NewRequestWithContext(ctx, http.MethodHead, "http://r.example/v2/app/manifests/v1", nil)
				if _, err := throttle.RoundTrip(req); err == nil {
					answered.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return answered.Load()
}

// A registry whose processors are the limit is used up from the first second
// and for as long as it takes, and not by asking it for much more than it has in
// hand. One that answers slowly and unevenly is used up less.
func TestABusyRegistryIsUsedUp(t *testing.T) {
	for _, c := range []struct {
		registry *busy
		used     float64 // part of its capacity, at least
		most     int     // in flight, at most
	}{
		{&busy{processors: 1, mean: 4 * ms, least: ms, spread: 1}, 0.6, 4},
		{&busy{processors: 2, mean: 3 * ms, least: ms, spread: 0.5}, 0.8, 10},
		{&busy{processors: 2, mean: 3 * ms, least: ms, spread: 1, stalls: 8 * ms}, 0.75, 10},
		{&busy{processors: 2, mean: 5 * ms, least: 4 * ms, spread: 0.3, stalls: 8 * ms}, 0.75, 8},
		{&busy{processors: 2, mean: ms, least: ms / 3, spread: 1, stalls: 8 * ms}, 0.9, 32},
		{&busy{processors: 2, mean: ms / 2, least: ms / 10, spread: 1}, 0.95, registry.MostInFlight},
		{&busy{processors: 2, mean: ms / 5, least: ms / 10, spread: 1, network: 5 * ms, stalls: 8 * ms}, 0.9, registry.MostInFlight},
		{&busy{processors: 4, mean: 10 * ms, least: 2 * ms, spread: 1, network: 20 * ms}, 0.65, 20},
		{&busy{processors: 16, mean: 20 * ms, least: 10 * ms, spread: 2, network: 5 * ms}, 0.75, 40},
	} {
		b := c.registry
		t.Run(fmt.Sprintf("%d for %v+%v", b.processors, b.mean, b.network), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttle := NewThrottle(b, 0, 0)
				askFor(t, throttle, 30*time.Second)
				early, late := float64(b.early)/3/b.capacity(), float64(b.late)/20/b.capacity()
				t.Logf("used to %.0f %%, then %.0f %%, by at most %d at once", 100*early, 100*late, b.most)
				if early < c.used || late < c.used || b.most > c.most {
					t.Errorf("used to %.0f %%, then %.0f %% (want %.0f %%), by %d at once (want %d)", 100*early, 100*late, 100*c.used, b.most, c.most)
				}
			})
		})
	}
}

// A registry that answers thousands a second from processors that it keeps busy
// is asked for all of that from the first second, though its answers wait: a
// plan of a few thousand tags takes no longer than that.
func TestAShortQueueIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: 400 * time.Microsecond, jitter: 2 * time.Millisecond, knee: 2500, past: "queue", stalls: 8 * time.Millisecond}
		throttle := NewThrottle(m, 0, 0)
		if got, want := float64(askFor(t, throttle, 2*time.Second)), 2*0.8*m.knee; got < want {
			t.Errorf("%.0f answers in two seconds, want %.0f", got, want)
		}
	})
}

// hiccup answers in a few milliseconds, but for the time that it, the network or
// this machine needs for something else.
type hiccup struct {
	begun    time.Time
	answered atomic.Int64
}

func (h *hiccup) RoundTrip(req *http.Request) (*http.Response, error) {
	took := 5 * time.Millisecond
	if at := time.Since(h.begun); at > 40*time.Millisecond && at < 220*time.Millisecond {
		took = 40 * time.Millisecond
	}
	if err := pause(req.Context(), took); err != nil {
		return nil, err
	}
	if time.Since(h.begun) > 400*time.Millisecond {
		h.answered.Add(1)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

// A moment in which everything takes long, as when a program has just been
// started, does not slow down the next half second.
func TestAMomentIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hiccup{begun: time.Now()}
		throttle := NewThrottle(h, 0, 0)
		askFor(t, throttle, 800*time.Millisecond)
		if got, all := h.answered.Load(), int64(400/5*registry.MostInFlight); got < all*95/100 {
			t.Errorf("%d answers in 400 ms, want most of %d", got, all)
		}
	})
}
