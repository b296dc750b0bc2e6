package wrap

import (
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

// uneven is a registry without a knee whose answers take as long as chance has
// it, however many are asked for.
type uneven struct {
	took func(*rand.Rand) time.Duration

	mu     sync.Mutex
	random *rand.Rand
}

func (u *uneven) RoundTrip(req *http.Request) (*http.Response, error) {
	u.mu.Lock()
	took := u.took(u.random)
	u.mu.Unlock()
	if err := pause(req.Context(), took); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

const ms = time.Millisecond

// evenly is anything between two times.
func evenly(from, to time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }
}

// eitherOr is the second time for that part of the answers.
func eitherOr(first, second time.Duration, part float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.Float64() < part {
			return second
		}
		return first
	}
}

// tailed is mostly around a median, and now and then many times as long.
func tailed(median time.Duration, deviation float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		return time.Duration(float64(median) * math.Exp(deviation*r.NormFloat64()))
	}
}

// What differs from one answer to the next for reasons of the registry's own is
// no strain: it is asked as much as it answers. A bound of six times the time is
// far from what a pace did that answers which differ brought down: up to hundreds.
func TestAnswersThatDifferCostNoPace(t *testing.T) {
	for name, took := range map[string]func(*rand.Rand) time.Duration{
		"5 to 25 ms":           evenly(5*ms, 25*ms),
		"20 to 80 ms":          evenly(20*ms, 80*ms),
		"50 to 150 ms":         evenly(50*ms, 150*ms),
		"20, often 200 ms":     eitherOr(20*ms, 200*ms, 0.7),
		"20, sometimes 200 ms": eitherOr(20*ms, 200*ms, 0.1),
		"5, mostly 50 ms":      eitherOr(5*ms, 50*ms, 0.8),
		"100 ms with a tail":   tailed(100*ms, 0.8),
		"20 ms, far apart":     tailed(20*ms, 1),
	} {
		for seed := range uint64(8) {
			synctest.Test(t, func(t *testing.T) {
				const n = 7_500
				u := &uneven{took: took, random: rand.New(rand.NewPCG(seed, 2))}
				var sum time.Duration
				for range n {
					sum += took(u.random)
				}
				throttle := NewThrottle(u, 0, 0)
				began := time.Now()
				var asked atomic.Int64
				var workers sync.WaitGroup
				for range registry.MostInFlight {
					workers.Go(func() {
						for i := asked.Add(1); i <= n && time.Since(began) < 10*time.Minute; i = asked.Add(1) {
							what := "manifests/v1"
							if i > 40 && i%3 == 0 {
								what = "blobs/sha256:12"
							}
							req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://r.example/v2/app/"+what, nil)
							_, _ = throttle.RoundTrip(req)
						}
					})
				}
				workers.Wait()
				if took, least := time.Since(began), sum/registry.MostInFlight; took > 6*least {
					t.Errorf("%s, %d: %d answers took %v, which is %.1f times the least", name, seed, n, took.Round(ms), took.Seconds()/least.Seconds())
				}
			})
		}
	}
}
