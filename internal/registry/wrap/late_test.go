package wrap

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// What was held back, because the registry asked for patience or because others
// are in front, is not sent when its time is over.
func TestWhatIsHeldBackTooLongIsNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		within time.Duration
		sent   int
		late   bool
	}{"in time": {61 * time.Second, 2, false}, "too late": {59 * time.Second, 1, true}, "at any time": {0, 2, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []any{429, 202}, headers: http.Header{"Retry-After": {"60"}}}
				ctx := t.Context()
				if c.within > 0 {
					ctx = registry.SendWithin(ctx, c.within)
				}
				req, _ := http.NewRequestWithContext(ctx, "DELETE", "http://r.example/v2/app/manifests/v1", nil)
				_, err := NewRetry(NewThrottle(s, 0, 0), nil).RoundTrip(req)
				if len(s.sent) != c.sent || errors.Is(err, registry.ErrLate) != c.late || !c.late && err != nil {
					t.Errorf("sent %d times, %v", len(s.sent), err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // a place is given back
		s := &script{answers: []any{200}}
		throttle := NewThrottle(s, 1, 0)
		for range 3 {
			req, _ := http.NewRequestWithContext(registry.SendWithin(t.Context(), -time.Second), "DELETE", "http://r.example/v2/", nil)
			if _, err := throttle.RoundTrip(req); !errors.Is(err, registry.ErrLate) {
				t.Error(err)
			}
		}
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/", nil)
		if _, err := throttle.RoundTrip(req); err != nil || len(s.sent) != 1 {
			t.Errorf("%v, sent %d times", err, len(s.sent))
		}
	})
}
