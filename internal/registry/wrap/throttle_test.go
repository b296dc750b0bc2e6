package wrap

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// model is a registry with a latency, and a knee: requests a second beyond
// which it answers 429, or takes longer and longer.
type model struct {
	latency  time.Duration
	knee     float64 // 0: none
	queueing bool    // past the knee requests wait instead of being refused

	mu       sync.Mutex
	now, top int
	sent     int
	refused  int
	slow     int
	next     time.Time // when the queue is empty
	from     time.Time // counted from then on
	tokens   float64
	filled   time.Time
}

func (m *model) RoundTrip(req *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.now++
	m.top = max(m.top, m.now)
	now := time.Now()
	counted := !now.Before(m.from)
	status, took := http.StatusOK, m.latency
	switch {
	case m.knee > 0 && m.queueing:
		m.next = maxTime(m.next, now).Add(time.Duration(float64(time.Second) / m.knee))
		took += max(0, m.next.Sub(now)-time.Duration(float64(time.Second)/m.knee))
	case m.knee > 0:
		m.tokens = min(m.knee/10, m.tokens+now.Sub(m.filled).Seconds()*m.knee)
		if m.filled = now; m.tokens < 1 {
			status = http.StatusTooManyRequests
		} else {
			m.tokens--
		}
	}
	if counted {
		m.sent++
		if status != http.StatusOK {
			m.refused++
		} else if took > 2*m.latency {
			m.slow++
		}
	}
	m.mu.Unlock()
	if err := pause(req.Context(), took); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// load sends from many workers at once and says how many were answered a
// second after the first ten.
func load(t *testing.T, wire http.RoundTripper, m *model, lasting time.Duration) (perSecond float64) {
	begun := time.Now()
	m.from = begun.Add(10 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var answered atomic.Int64
	var workers sync.WaitGroup
	for range 200 {
		workers.Go(func() {
			for ctx.Err() == nil {
				req, _ := http.NewRequestWithContext(ctx, "HEAD", "http://r.example/v2/app/manifests/v1", nil)
				resp, err := wire.RoundTrip(req)
				if err == nil && resp.StatusCode == http.StatusOK && time.Since(begun) > 10*time.Second {
					answered.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return float64(answered.Load()) / (lasting - 10*time.Second).Seconds()
}

func TestConcurrencyGrowsToItsBound(t *testing.T) {
	for bound, want := range map[int]int{0: defaultConcurrency, 1: 1, 3: 3, 20: 20} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{latency: 5 * time.Millisecond}
			rate := load(t, NewThrottle(m, bound, 0), m, 11*time.Second)
			if m.top != want {
				t.Errorf("bound %d: %d in flight, want %d", bound, m.top, want)
			}
			if floor := float64(want) / 0.005; rate < floor*0.95 {
				t.Errorf("bound %d: %.0f a second, want %.0f", bound, rate, floor)
			}
		})
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: time.Millisecond}
		if rate := load(t, NewThrottle(m, 0, 50), m, 30*time.Second); rate < 49 || rate > 51 {
			t.Errorf("%.1f a second, want 50", rate)
		}
	})
}

// A registry with a knee at 200 requests a second is kept near it and hardly
// ever pushed over, whether it refuses or slows down.
func TestKnee(t *testing.T) {
	for name, m := range map[string]*model{
		"refuses":                 {latency: 20 * time.Millisecond, knee: 200},
		"refuses, fast":           {latency: 2 * time.Millisecond, knee: 200},
		"slows down":              {latency: 20 * time.Millisecond, knee: 200, queueing: true},
		"slows down, near":        {latency: 5 * time.Millisecond, knee: 200, queueing: true},
		"slows down, far latency": {latency: 80 * time.Millisecond, knee: 200, queueing: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rate := load(t, NewThrottle(m, 0, 0), m, 70*time.Second)
				over := 100 * float64(m.refused+m.slow) / float64(m.sent)
				t.Logf("%.0f a second, %.2f %% refused or slow", rate, over)
				if rate < 0.85*200 || over > 2 {
					t.Errorf("%.0f a second (want 170), %.2f %% refused or slow (want at most 2)", rate, over)
				}
			})
		})
	}
}

func TestEverythingWaitsWhenTheRegistrySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{503, 200}, headers: http.Header{"Retry-After": {"30"}}}
		throttle := NewThrottle(s, 0, 0)
		send := func() {
			req, _ := http.NewRequestWithContext(t.Context(), "HEAD", "http://r.example/v2/app/manifests/v1", nil)
			if _, err := throttle.RoundTrip(req); err != nil {
				t.Error(err)
			}
		}
		send()
		send()
		if waited := s.sent[1].Sub(s.sent[0]); waited != 30*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// A place is kept until a body is read, given back once, and not kept by a
// request that was given up while it waited.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: time.Millisecond}
		throttle := NewThrottle(m, 1, 0)
		get := func(ctx context.Context) (*http.Response, error) {
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://r.example/v2/app/manifests/v1", nil)
			return throttle.RoundTrip(req)
		}
		first, err := get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := get(impatient); err == nil {
			t.Error("a second request was sent while the first one's body was open")
		}
		if _, err := io.ReadAll(first.Body); err != nil {
			t.Error(err)
		}
		first.Body.Close()
		for range 2 {
			streamed, err := get(Streaming(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			defer streamed.Body.Close()
		}
		if throttle.inFlight != 0 {
			t.Errorf("%d places taken", throttle.inFlight)
		}
	})
}
