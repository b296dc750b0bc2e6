package wrap

import (
	"net/http"
	"testing"

	"golang.org/x/time/rate"
)

func TestPlacesFollowWindowAndRate(t *testing.T) {
	for _, test := range []struct {
		concurrency int
		perSecond   float64
		found, want int
	}{
		{0, 0, 0, startConcurrency}, {2, 0, 0, 2}, {1, 0, 0, 1}, {0, 4, 0, 2}, {0, 0.5, 0, 1}, {0, 1000, 0, startConcurrency},
		{0, 0, 3, 1}, {0, 100, 6, 3},
	} {
		throttle := NewThrottle(http.DefaultTransport, test.concurrency, test.perSecond)
		if test.found > 0 {
			throttle.pace.limiter.SetLimit(rate.Limit(test.found))
		}
		if got := throttle.Places(); got != test.want {
			t.Errorf("%+v: %d places", test, got)
		}
	}
}
