package wrap

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// damaged is a registry that answers 500 for some things, whatever happens.
type damaged struct {
	http.RoundTripper
	paths map[string]bool // nil: for everything

	mu     sync.Mutex
	broken int // answers
}

func (d *damaged) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(req)
	if err == nil && (d.paths == nil || d.paths[req.URL.Path]) {
		d.mu.Lock()
		defer d.mu.Unlock()
		resp.StatusCode = http.StatusInternalServerError
		d.broken++
	}
	return resp, err
}

// What is damaged stays so however slowly it is asked for: the others are asked
// for as quickly as without it.
func TestWhatIsDamagedCostsNoPace(t *testing.T) {
	const all, workers = 5000, 256
	path := func(i int) string { return fmt.Sprintf("/v2/app/manifests/%d", i) }
	synctest.Test(t, func(t *testing.T) {
		d := &damaged{RoundTripper: &model{latency: 10 * time.Millisecond}, paths: map[string]bool{}}
		for i := 1000; i < all; i += 700 {
			d.paths[path(i)] = true
		}
		wire := NewRetry(NewThrottle(d, 0, 0), nil)
		begun, jobs := time.Now(), make(chan int)
		var others time.Duration
		var asking sync.WaitGroup
		for range workers {
			asking.Go(func() {
				for i := range jobs {
					req, _ := http.NewRequestWithContext(t.Context(), "HEAD", "http://r.example"+path(i), nil)
					if resp, err := wire.RoundTrip(req); err != nil || (resp.StatusCode == http.StatusOK) == d.paths[path(i)] {
						t.Errorf("%s: %v, %v", path(i), resp, err)
					}
				}
			})
		}
		for i := range all {
			jobs <- i
		}
		others = time.Since(begun)
		close(jobs)
		asking.Wait()
		if least := all / workers * 10 * time.Millisecond; others > 2*least {
			t.Errorf("the others were begun after %v, without limits %v", others, least)
		}
		if d.broken != brokenTries*len(d.paths) {
			t.Errorf("%d damaged manifests were asked for %d times", len(d.paths), d.broken)
		}
	})
}

// A registry that breaks over what it answers a moment later, or fails, is asked
// too much.
func TestARegistryThatBreaksIsRelieved(t *testing.T) {
	for _, past := range []string{"break", "fail"} {
		for _, knee := range []float64{50, 200, 1000} {
			for _, latency := range []time.Duration{2 * ms, 5 * ms, 20 * ms, 50 * ms} {
				t.Run(fmt.Sprintf("%s %.0f %v", past, knee, latency), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						m := &model{past: past, knee: knee, latency: latency, jitter: latency / 2}
						rate := load(t, NewRetry(NewThrottle(m, 0, 0), nil), m, 40*time.Second)
						over := 100 * float64(m.refused) / float64(m.sent)
						if rate < 0.75*knee || over > 2 {
							t.Errorf("%.0f a second (want %.0f), %.2f %% failed (want at most 2)", rate, 0.75*knee, over)
						}
					})
				})
			}
		}
	}
}

// accident is a registry behind something that fails one of a thousand requests.
type accident struct {
	*model
	status int // 0: the connection breaks

	mu     sync.Mutex
	random *rand.Rand
}

func (a *accident) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.model.RoundTrip(req)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || a.random.IntN(1000) > 0 {
		return resp, err
	}
	if a.status == 0 {
		return nil, reset
	}
	resp.StatusCode = a.status
	return resp, nil
}

// What fails now and then, whatever is asked, is sent again and slows nothing down.
func TestAccidentsCostNoPace(t *testing.T) {
	for _, status := range []int{0, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &accident{model: &model{latency: 20 * ms, jitter: 5 * ms}, status: status, random: rand.New(rand.NewPCG(1, 2))}
				rate := load(t, NewRetry(NewThrottle(a, 0, 0), nil), a.model, 20*time.Second)
				if most := registry.MostInFlight / 0.0225; rate < 0.8*most {
					t.Errorf("%.0f a second, of %.0f without accidents", rate, most)
				}
			})
		})
	}
}

// crowded is a registry that breaks over every eighth request while more than so
// many are in flight.
type crowded struct {
	*model
	most int

	mu           sync.Mutex
	asked, broke int
}

func (c *crowded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.model.RoundTrip(req)
	c.model.mu.Lock()
	many := c.model.now >= c.most
	c.model.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked++; err == nil && many && c.asked%8 == 0 {
		resp.StatusCode = http.StatusInternalServerError
		c.broke++
	}
	return resp, err
}

// Few answers that are broken are enough, where what they were about is answered
// later.
func TestARegistryThatBreaksNowAndThenIsRelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowded{model: &model{latency: 20 * ms, jitter: 5 * ms}, most: 64}
		rate := load(t, NewRetry(NewThrottle(c, 0, 0), nil), c.model, 40*time.Second)
		if part := 100 * float64(c.broke) / float64(c.asked); part > 2 || rate < 64/0.025/2 {
			t.Errorf("%.0f a second, %.2f %% broken (want at most 2)", rate, part)
		}
	})
}

// What is not sent twice cannot show whether it was too much.
func TestAChangeThatBreaksSlowsDown(t *testing.T) {
	for method, slower := range map[string]bool{"GET": false, "DELETE": true} {
		synctest.Test(t, func(t *testing.T) {
			throttle := NewThrottle(&damaged{RoundTripper: &model{}}, 0, 0)
			req, _ := http.NewRequestWithContext(t.Context(), method, "http://r.example/v2/app/manifests/v1", nil)
			if _, err := throttle.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			if _, bounded := throttle.pace.perSecond(); bounded != slower {
				t.Errorf("after a 500 to %s: slower %v", method, bounded)
			}
		})
	}
}

// One that breaks over everything is asked hardly anything.
func TestABrokenRegistryIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: 5 * time.Millisecond}
		load(t, NewRetry(NewThrottle(&damaged{RoundTripper: m}, 0, 0), nil), m, 40*time.Second)
		if m.sent > 40 {
			t.Errorf("%d requests in half a minute", m.sent)
		}
	})
}

// What one answer alone says. From one that failed nothing is learned of how long
// answers take.
func TestTheTroubleOfOneAnswer(t *testing.T) {
	for status, want := range map[int]trouble{
		200: none, 202: none, 401: none, 404: none, 405: none,
		429: refusal, 500: glitch, 502: glitch, 503: glitch, 504: glitch, 0: glitch,
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/", nil)
		if got := NewThrottle(nil, 0, 0).trouble(req, status, false); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/", nil)
	if got := NewThrottle(nil, 0, 0).trouble(req, 503, true); got != failure {
		t.Errorf("503 that says when to come back: %d", got)
	}
}

// A registry that says when to come back does not fail by accident.
func TestAFailureThatNamesATimeSlowsDown(t *testing.T) {
	for after, slower := range map[string]bool{"": false, "0": false, "1": true} {
		synctest.Test(t, func(t *testing.T) {
			headers := http.Header{}
			if after != "" {
				headers.Set("Retry-After", after)
			}
			throttle := NewThrottle(&script{answers: []any{503}, headers: headers}, 0, 0)
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://r.example/v2/app/manifests/v1", nil)
			if _, err := throttle.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			if _, bounded := throttle.pace.perSecond(); bounded != slower {
				t.Errorf("Retry-After %q: slower %v", after, bounded)
			}
		})
	}
}
