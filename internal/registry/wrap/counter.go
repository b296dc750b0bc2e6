package wrap

import (
	"net/http"
	"sync/atomic"
)

// Counter counts the requests that really go out: retries, token requests and
// hops of redirects too.
type Counter struct{ sent atomic.Int64 }

// Requests is how many requests were sent so far.
func (c *Counter) Requests() int64 { return c.sent.Load() }

// Transport counts what passes through it to next. It belongs right above the
// transport that opens connections, below everything that sends again.
func (c *Counter) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		c.sent.Add(1)
		return next.RoundTrip(req)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
