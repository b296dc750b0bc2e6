package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// script answers one request after the other; the last answer stays.
type script struct {
	answers []any // *http.Response by status, error
	headers http.Header
	sent    []time.Time
	bodies  []string
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	at := min(len(s.sent), len(s.answers)-1)
	s.sent = append(s.sent, time.Now())
	if req.Body != nil {
		body, _ := io.ReadAll(req.Body)
		s.bodies = append(s.bodies, string(body))
	}
	switch answer := s.answers[at].(type) {
	case int:
		header := s.headers
		if answer < 300 || header == nil {
			header = http.Header{}
		}
		return &http.Response{StatusCode: answer, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
	default:
		return nil, answer.(error)
	}
}

var (
	reset    = &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	declined = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	noName   = &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere", IsNotFound: true}}
)

func TestRetry(t *testing.T) {
	seconds := http.Header{"Retry-After": {"60"}}
	for name, c := range map[string]struct {
		method  string
		answers []any
		headers http.Header
		sent    int
		status  int
	}{
		"answered":                             {"GET", []any{200}, nil, 1, 200},
		"throttled once":                       {"GET", []any{429, 200}, nil, 2, 200},
		"bad gateway":                          {"HEAD", []any{502, 503, 504, 200}, nil, 4, 200},
		"throttled for good":                   {"GET", []any{429}, nil, 5, 429},
		"throttled with a time, more patience": {"GET", []any{429}, seconds, 12, 429},
		"unauthorized":                         {"GET", []any{401, 200}, seconds, 1, 401},
		"forbidden":                            {"GET", []any{403, 200}, seconds, 1, 403},
		"not found":                            {"GET", []any{404, 200}, nil, 1, 404},
		"an error of its own":                  {"HEAD", []any{500, 200}, nil, 2, 200},
		"an error of its own, for good":        {"GET", []any{500}, nil, 3, 500},
		"delete, an error of its own":          {"DELETE", []any{500, 202}, seconds, 1, 500},
		"connection reset":                     {"GET", []any{reset, reset, 200}, nil, 3, 200},
		"cut off":                              {"GET", []any{io.ErrUnexpectedEOF, 200}, nil, 2, 200},
		"reset for good":                       {"GET", []any{reset}, nil, 5, 0},
		"host down":                            {"GET", []any{declined}, nil, 1, 0},
		"host restarting":                      {"GET", []any{502, declined, declined, 200}, nil, 4, 200},
		"no such host":                         {"GET", []any{noName}, nil, 1, 0},
		"delete throttled":                     {"DELETE", []any{429, 202}, nil, 2, 202},
		"delete asked to wait":                 {"DELETE", []any{503, 202}, seconds, 2, 202},
		"delete, unavailable":                  {"DELETE", []any{503, 202}, nil, 1, 503},
		"delete, bad gateway":                  {"DELETE", []any{502, 202}, seconds, 1, 502},
		"delete, gateway timeout":              {"DELETE", []any{504, 202}, seconds, 1, 504},
		"delete, reset":                        {"DELETE", []any{reset, 202}, nil, 1, 0},
		"put, reset":                           {"PUT", []any{reset, 201}, nil, 1, 0},
		"put throttled":                        {"PUT", []any{429, 201}, nil, 2, 201},
		"post, reset":                          {"POST", []any{reset, 201}, nil, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: c.answers, headers: c.headers}
				req, _ := http.NewRequestWithContext(t.Context(), c.method, "http://r.example/v2/", nil)
				resp, err := NewRetry(s, nil).RoundTrip(req)
				status := 0
				if err == nil {
					status = resp.StatusCode
				}
				if len(s.sent) != c.sent || status != c.status {
					t.Errorf("%d after %d requests (%v); want %d after %d", status, len(s.sent), err, c.status, c.sent)
				}
			})
		})
	}
}

func TestTokenRequestsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{reset, 503, 200}}
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://r.example/token", strings.NewReader("grant_type=refresh_token"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := NewRetry(s, nil).RoundTrip(req)
		if err != nil || resp.StatusCode != 200 || fmt.Sprint(s.bodies) != "[grant_type=refresh_token grant_type=refresh_token grant_type=refresh_token]" {
			t.Errorf("%v, %v, bodies %q", resp, err, s.bodies)
		}
	})
}

func TestABodyThatCannotBeReadAgainIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{429, 201}}
		req, _ := http.NewRequestWithContext(t.Context(), "PUT", "http://r.example/v2/", io.NopCloser(strings.NewReader("x")))
		if resp, err := NewRetry(s, nil).RoundTrip(req); err != nil || resp.StatusCode != 429 || len(s.sent) != 1 {
			t.Errorf("%v, %v after %d", resp, err, len(s.sent))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for value, want := range map[string]time.Duration{
			"60": time.Minute,
			"0":  0,
			start.Add(90 * time.Second).UTC().Format(http.TimeFormat): 90 * time.Second,
			start.Add(-time.Hour).UTC().Format(http.TimeFormat):       0,
		} {
			begun := time.Now()
			var told []float64
			s := &script{answers: []any{429, 200}, headers: http.Header{"Retry-After": {value}}}
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/", nil)
			if _, err := NewRetry(s, func(seconds float64, _ string) { told = append(told, seconds) }).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			waited := time.Since(begun)
			if value == start.Add(90*time.Second).UTC().Format(http.TimeFormat) {
				want = max(0, start.Add(want).Sub(begun)) // map order: time may have passed
			}
			if waited < want || waited > want+time.Second {
				t.Errorf("Retry-After %q: waited %v, want %v", value, waited, want)
			}
			if (len(told) == 1) != (want >= time.Second) {
				t.Errorf("Retry-After %q: told %v", value, told)
			}
		}
	})
}

// Asked to come back in an hour, a run ends with that instead of hanging or of
// asking earlier than it was told.
func TestALongRetryAfterIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := &script{answers: []any{429, 200}, headers: http.Header{"Retry-After": {"3600"}}}
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/", nil)
		resp, err := NewRetry(s, nil).RoundTrip(req)
		if err != nil || resp.StatusCode != 429 || len(s.sent) != 1 || time.Since(begun) > 0 {
			t.Errorf("%v, %v after %d requests and %v", resp, err, len(s.sent), time.Since(begun))
		}
	})
}

func TestCancellingEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := &script{answers: []any{429}, headers: http.Header{"Retry-After": {"60"}}}
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://r.example/v2/", nil)
		if _, err := NewRetry(s, nil).RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) || len(s.sent) != 1 {
			t.Errorf("%v after %d", err, len(s.sent))
		}
	})
}

func TestQuotaPause(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"nothing said": {http.Header{}, 0},
		"some left":    {http.Header{"Ratelimit-Remaining": {"3"}, "Ratelimit-Reset": {"60"}}, 0},
		"none left":    {http.Header{"Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"60"}}, time.Minute},
		"a window":     {http.Header{"Ratelimit-Remaining": {"0;w=21600"}, "Ratelimit-Reset": {"60"}}, time.Minute},
		"no reset":     {http.Header{"Ratelimit-Remaining": {"0;w=21600"}}, 0},
		"GitHub":       {http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1700000030"}}, 30 * time.Second},
	} {
		if got := quotaPause(c.header, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
