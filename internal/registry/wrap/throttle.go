package wrap

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// defaultConcurrency bounds requests in flight where the user set nothing.
	defaultConcurrency = 64
	startConcurrency   = 4
)

// Throttle finds out how many requests a registry can answer at once and how
// many a second: it starts low, grows while latency holds, and backs off on
// 429, 5xx and rising latency. Where the registry names a time to come back,
// everything waits for it.
type Throttle struct {
	next  http.RoundTripper
	limit *rate.Limiter // what the user allows
	pace  *pace         // what the registry has turned out to allow

	mu       sync.Mutex
	window   window
	inFlight int
	waiting  []chan struct{}
	closed   time.Time // nothing starts before
}

// NewThrottle wraps next. concurrency bounds requests in flight (0: found by
// itself below a default bound), perSecond bounds their rate (0: no bound).
func NewThrottle(next http.RoundTripper, concurrency int, perSecond float64) *Throttle {
	if concurrency <= 0 {
		concurrency = defaultConcurrency
	}
	limit := rate.NewLimiter(rate.Inf, 1)
	if perSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return &Throttle{next: next, limit: limit, pace: newPace(), window: newWindow(concurrency)}
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
	start := time.Now()
	resp, err := t.next.RoundTrip(req)
	t.learn(req, resp, err, start)
	if err != nil || req.Method == http.MethodHead || ctx.Value(streamingKey{}) != nil || resp.Body == nil || resp.Body == http.NoBody {
		t.leave()
		return resp, err
	}
	unread := resp.StatusCode >= 300 || req.Method != http.MethodGet
	resp.Body = &held{ReadCloser: resp.Body, leave: sync.OnceFunc(t.leave), drain: unread}
	return resp, nil
}

// held keeps a request's place until its body is read or closed. The bodies of
// challenges and receipts are closed unread by those who do not need them;
// what little they hold is read here, so that the connection is used again.
type held struct {
	io.ReadCloser
	leave func()
	drain bool
}

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
	for {
		t.mu.Lock()
		closed := time.Until(t.closed)
		t.mu.Unlock()
		if closed <= 0 {
			break
		}
		if err := pause(ctx, closed); err != nil {
			return err
		}
	}
	if err := turn(ctx, t.limit); err != nil {
		return err
	}
	return t.pace.wait(ctx)
}

// learn adjusts window, pace and pause to one answer.
func (t *Throttle) learn(req *http.Request, resp *http.Response, err error, start time.Time) {
	now := time.Now()
	if err != nil && req.Context().Err() != nil {
		return
	}
	overloaded := err != nil
	var closed time.Duration
	if resp != nil {
		switch resp.StatusCode {
		case http.StatusTooManyRequests:
			overloaded = true
			closed, _ = retryAfter(resp.Header, now)
			t.pace.turnedAway(start, now)
		case http.StatusServiceUnavailable:
			overloaded = true
			closed, _ = retryAfter(resp.Header, now)
		case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusInternalServerError:
			overloaded = true
		default:
			t.pace.answered(now)
		}
		closed = max(closed, quotaPause(resp.Header, now))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if closed > 0 && closed <= longestWait {
		if until := now.Add(closed); until.After(t.closed) {
			t.closed = until
		}
	}
	if overloaded {
		t.window.overloaded(start, now)
	} else {
		t.window.answered(classOf(req), start, now, t.inFlight)
	}
	t.admit()
}
