package wrap

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter reads Retry-After in both its forms (RFC 9110, 10.2.3): seconds
// and a date. A date in the past is no wait.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		if seconds < 0 {
			return 0, false
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}

// quotas are the headers that tell what is left, in the form that net/http
// gives their names: those of every answer are looked up.
var quotas = []struct{ remaining, reset string }{
	{"Ratelimit-Remaining", "Ratelimit-Reset"},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
}

// quotaPause reads RateLimit-Remaining with RateLimit-Reset, and the older
// X- names: how long to hold everything back because nothing is left. A reset
// is either seconds from now or, as GitHub writes it, a Unix time.
func quotaPause(header http.Header, now time.Time) time.Duration {
	for _, q := range quotas {
		left, _, _ := strings.Cut(header.Get(q.remaining), ";")
		if strings.TrimSpace(left) != "0" {
			continue
		}
		reset, err := strconv.ParseInt(strings.TrimSpace(header.Get(q.reset)), 10, 64)
		if err != nil || reset <= 0 {
			continue
		}
		const unixTimes = 1_000_000_000 // larger numbers are no span of seconds
		if reset >= unixTimes {
			return max(0, time.Unix(reset, 0).Sub(now))
		}
		return time.Duration(reset) * time.Second
	}
	return 0
}
