package wrap

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/regkeep/regkeep/internal/registry"
)

const startConcurrency = 8

// Throttle finds out how many requests a registry can answer at once and how
// many a second: it starts low, grows while latency holds, and backs off on
// 429, 5xx (other than now and then) and strain. On strain fewer are in flight at
// first, and only where that does not help fewer are sent. Where the registry
// names a time to come back, everything waits for it.
type Throttle struct {
	next  http.RoundTripper
	limit *rate.Limiter // what the user allows
	pace  *pace         // what the registry has turned out to bear

	mu       sync.Mutex
	window   window
	strain   strain
	balance  balance
	glitches glitches
	cut      time.Time // what was sent before tells nothing new about too much
	look     *look     // under way
	first    time.Time // when the first answer came
	sure     bool      // a look at ease was made

	// Of slowing down again and again since the pace was raised last: where it
	// began, per second; 0: it did not, below 0: a look has shown that this pace is
	// right. boundless: there was no bound.
	series    float64
	boundless bool
	far       float64 // the part to which the pace was cut last, where every answer told; 0: it was not
	inFlight  int
	waiting   []chan struct{}
	closed    time.Time // nothing starts before
}

// NewThrottle wraps next. concurrency bounds requests in flight (0: found by
// itself below a default bound), perSecond bounds their rate (0: no bound).
func NewThrottle(next http.RoundTripper, concurrency int, perSecond float64) *Throttle {
	if concurrency <= 0 {
		concurrency = registry.MostInFlight
	}
	t := &Throttle{next: next, pace: newPace(), window: newWindow(concurrency), strain: newStrain()}
	if perSecond > 0 {
		t.limit = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *Throttle) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	if err := t.wait(ctx); err != nil {
		t.leave()
		return nil, err
	}
	if registry.Late(ctx) {
		t.leave()
		return nil, registry.ErrLate
	}
	start := time.Now()
	resp, err := t.next.RoundTrip(req)
	t.learn(req, resp, err, start)
	if err != nil || req.Method == http.MethodHead || ctx.Value(streamingKey{}) != nil || resp.Body == nil || resp.Body == http.NoBody {
		t.leave()
		return resp, err
	}
	unread := resp.StatusCode >= 300 || req.Method != http.MethodGet
	resp.Body = &held{ReadCloser: resp.Body, throttle: t, drain: unread}
	return resp, nil
}

// held keeps a request's place until its body is read or closed. The bodies of
// challenges and receipts are closed unread by those who do not need them;
// what little they hold is read here, so that the connection is used again.
type held struct {
	io.ReadCloser
	throttle *Throttle
	left     sync.Once
	drain    bool
}

func (h *held) leave() { h.left.Do(h.throttle.leave) }

func (h *held) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	if err != nil {
		h.leave()
	}
	return n, err
}

func (h *held) Close() error {
	defer h.leave()
	if h.drain {
		_, _ = io.CopyN(io.Discard, h.ReadCloser, 64<<10)
	}
	return h.ReadCloser.Close()
}

// enter takes a place, first come, first served.
func (t *Throttle) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if t.inFlight < t.window.places() && len(t.waiting) == 0 {
		t.inFlight++
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.waiting = append(t.waiting, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.mu.Lock()
		for i, other := range t.waiting {
			if other == turn {
				t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
				t.mu.Unlock()
				return ctx.Err()
			}
		}
		t.mu.Unlock()
		t.leave() // the place was given just now
		return ctx.Err()
	}
}

func (t *Throttle) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	t.admit()
}

func (t *Throttle) admit() {
	for t.inFlight < t.window.places() && len(t.waiting) > 0 {
		t.inFlight++
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
	}
}

// wait holds a request back until the registry wants it and both rates allow.
func (t *Throttle) wait(ctx context.Context) error {
	if t.limit != nil {
		if err := turn(ctx, t.limit); err != nil {
			return err
		}
	}
	for {
		if err := pause(ctx, t.closedFor()); err != nil {
			return err
		}
		if err := turn(ctx, t.pace.limiter); err != nil {
			return err
		}
		if t.closedFor() <= 0 { // else it closed meanwhile, and all begin again one by one
			return nil
		}
	}
}

// closedFor is how long nothing may start yet. A registry that never asked for
// patience costs no look at the clock.
func (t *Throttle) closedFor() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.IsZero() {
		return 0
	}
	return time.Until(t.closed)
}
