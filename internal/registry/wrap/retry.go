package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	attempts     = 5
	patientTries = 12 // where the registry itself says when to come back
	brokenTries  = 3  // of what the registry says has broken inside of it
	firstBackoff = 250 * time.Millisecond
	mostBackoff  = 30 * time.Second
	// longestWait is the longest Retry-After that is waited for. A registry
	// that wants more gets it: the request fails as throttled at once.
	longestWait = 5 * time.Minute
)

// Retry sends a request again when that is safe and useful: 429, 500, 502, 503,
// 504 and broken connections for methods without effect; for all others only an
// answer that says the request was turned away at the door (429, or 503 with
// Retry-After). 401 and 403 are never retried. A host that never answered is
// taken to be down; one that did, to be restarting. A 500 may last (content that
// is damaged) or be gone at once (distribution 2.8 answers so for a tag that is
// being written), so it gets fewer tries.
type Retry struct {
	next     http.RoundTripper
	announce func(seconds float64, why string)
	answered atomic.Bool

	mu        sync.Mutex
	announced time.Time // until when a wait was announced
}

// NewRetry wraps next. announce hears of waits of a second and more, once for
// all requests that wait for the same thing; it may be nil.
func NewRetry(next http.RoundTripper, announce func(seconds float64, why string)) *Retry {
	return &Retry{next: next, announce: announce}
}

// RoundTrip implements http.RoundTripper.
func (r *Retry) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := r.next.RoundTrip(req)
		wait, why, again := r.judge(req, resp, err, attempt)
		if !again {
			return resp, err
		}
		following, rewindable := rewind(req)
		if !rewindable {
			return resp, err
		}
		if resp != nil {
			if drain(resp.Body); resp.StatusCode == http.StatusInternalServerError {
				following = following.WithContext(context.WithValue(following.Context(), brokeKey{}, time.Now()))
			}
		}
		r.tell(wait, why)
		if err := pause(req.Context(), wait); err != nil {
			return nil, err
		}
		req = following
	}
}

type brokeKey struct{}

// broke is when a request was answered 500 before; zero: it was not.
func broke(req *http.Request) time.Time {
	at, _ := req.Context().Value(brokeKey{}).(time.Time)
	return at
}

// judge says whether to send again, after what wait.
func (r *Retry) judge(req *http.Request, resp *http.Response, err error, attempt int) (wait time.Duration, why string, again bool) {
	if req.Context().Err() != nil {
		return 0, "", false
	}
	if err != nil {
		if !harmless(req) || attempt >= attempts || !r.broken(err) {
			return 0, "", false
		}
		return backoff(attempt), "the connection broke", true
	}
	r.answered.Store(true)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
	case http.StatusInternalServerError:
		if !harmless(req) || attempt >= brokenTries {
			return 0, "", false
		}
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		if !harmless(req) {
			return 0, "", false
		}
	default:
		return 0, "", false
	}
	after, told := retryAfter(resp.Header, time.Now())
	if resp.StatusCode == http.StatusServiceUnavailable && !told && !harmless(req) {
		return 0, "", false
	}
	why = fmt.Sprintf("the registry answered %d", resp.StatusCode)
	if !told {
		return backoff(attempt), why, attempt < attempts
	}
	if after > longestWait {
		return 0, "", false
	}
	return max(after, backoff(1)), why, attempt < patientTries
}

// harmless: sending it twice is like sending it once. A form is only ever
// posted to a token service.
func harmless(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return req.Method == http.MethodPost && req.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
}

// broken says whether an error is one of connections that a second try can
// mend.
func (r *Retry) broken(err error) bool {
	if permanent(err) {
		return false
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return r.answered.Load()
	}
	return true
}

func backoff(attempt int) time.Duration {
	wait := min(mostBackoff, firstBackoff<<(attempt-1))
	return wait/2 + rand.N(wait/2+1)
}

func (r *Retry) tell(wait time.Duration, why string) {
	if r.announce == nil || wait < time.Second {
		return
	}
	until := time.Now().Add(wait)
	r.mu.Lock()
	news := until.Sub(r.announced) >= time.Second
	if news {
		r.announced = until
	}
	r.mu.Unlock()
	if news {
		r.announce(wait.Seconds(), why)
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rewind makes the request that is sent next time.
func rewind(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	following := req.Clone(req.Context())
	following.Body = body
	return following, true
}

// drain reads what little is left so that the connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	body.Close()
}
