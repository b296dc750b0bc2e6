package wrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// model is a registry with a latency and a knee: requests a second beyond which
// it is pushed over, in one of several ways.
type model struct {
	latency time.Duration
	jitter  time.Duration // up to this much more, uniformly
	knee    float64       // 0: none
	past    string        // refuse, fail (503), break (500), queue, or double: every answer takes two and a half times as long
	burst   time.Duration // how much of the knee's allowance is saved up; 0: a tenth of a second
	after   string        // Retry-After of a refusal
	quota   bool          // tells what is left by RateLimit-Remaining
	stalls  time.Duration // of the client, ten times a second: answers come when they end
	start   time.Duration // for so long the client makes answers take three times as long
	configs int           // every so many requests are for a config, after a twentieth of a second; 0: none

	mu       sync.Mutex
	random   *rand.Rand
	now, top int
	sent     int
	refused  int
	slow     int
	next     time.Time // when the queue is empty
	from     time.Time // counted from then on
	tokens   float64
	filled   time.Time
	recent   []time.Time
}

func (m *model) RoundTrip(req *http.Request) (*http.Response, error) {
	status, took, header := m.admit(time.Now())
	if err := pause(req.Context(), took); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func (m *model) admit(now time.Time) (status int, took time.Duration, header http.Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.random == nil {
		m.random, m.burst = rand.New(rand.NewPCG(1, 2)), cmp.Or(m.burst, time.Second/10)
	}
	m.now++
	m.top = max(m.top, m.now)
	status, took, header = http.StatusOK, m.latency, http.Header{}
	if m.jitter > 0 {
		took += time.Duration(m.random.Int64N(int64(m.jitter)))
	}
	atEase := took
	switch each := time.Duration(float64(time.Second) / max(m.knee, 1e-9)); {
	case m.knee == 0:
	case m.past == "queue":
		m.next = maxTime(m.next, now).Add(each)
		took += max(0, m.next.Sub(now)-each)
	case m.past == "double":
		m.recent = append(m.recent, now)
		for now.Sub(m.recent[0]) > time.Second/4 {
			m.recent = m.recent[1:]
		}
		if float64(len(m.recent)) > m.knee/4+1 {
			took = took * 5 / 2
		}
	default:
		m.tokens = min(m.knee*m.burst.Seconds(), m.tokens+now.Sub(m.filled).Seconds()*m.knee)
		if m.filled = now; m.tokens < 1 {
			switch status = http.StatusTooManyRequests; m.past {
			case "break":
				status = http.StatusInternalServerError
			case "fail":
				status = http.StatusServiceUnavailable
			}
			if m.after != "" {
				header.Set("Retry-After", m.after)
			}
		} else {
			m.tokens--
		}
		if m.quota {
			header.Set("RateLimit-Remaining", strconv.Itoa(int(m.tokens)))
			header.Set("RateLimit-Reset", "1")
		}
	}
	if !now.Before(m.from) {
		m.sent++
		if status != http.StatusOK {
			m.refused++
		} else if took > 2*atEase {
			m.slow++
		}
	}
	if now.Before(m.from.Add(m.start - 10*time.Second)) { // load counts from the tenth second on
		took *= 3
	}
	if m.stalls > 0 {
		period, at := time.Second/10, now.Add(took)
		if into := time.Duration(at.UnixNano()) % period; into < m.stalls {
			took += m.stalls - into
		}
	}
	return status, took, header
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// load sends from many workers at once and says how many were answered a
// second after the first ten.
func load(t *testing.T, wire http.RoundTripper, m *model, lasting time.Duration) (perSecond float64) {
	begun := time.Now()
	m.from = begun.Add(10 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var answered atomic.Int64
	var workers sync.WaitGroup
	for i := range 3 * registry.MostInFlight / 2 {
		workers.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				what := "manifests/v1"
				if m.configs > 0 && n%m.configs == 0 && time.Since(begun) > time.Second/20 {
					what = "blobs/sha256:12"
				}
				req, _ := http.NewRequestWithContext(ctx, "HEAD", "http://r.example/v2/app/"+what, nil)
				resp, err := wire.RoundTrip(req)
				if err == nil && resp.StatusCode == http.StatusOK && time.Since(begun) > 10*time.Second {
					answered.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return float64(answered.Load()) / (lasting - 10*time.Second).Seconds()
}

func TestConcurrencyGrowsToItsBound(t *testing.T) {
	for bound, want := range map[int]int{0: registry.MostInFlight, 1: 1, 3: 3, 20: 20} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{latency: 5 * time.Millisecond}
			rate := load(t, NewThrottle(m, bound, 0), m, 11*time.Second)
			if m.top != want {
				t.Errorf("bound %d: %d in flight, want %d", bound, m.top, want)
			}
			if floor := float64(want) / 0.005; rate < floor*0.95 {
				t.Errorf("bound %d: %.0f a second, want %.0f", bound, rate, floor)
			}
		})
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: time.Millisecond}
		if rate := load(t, NewThrottle(m, 0, 50), m, 30*time.Second); rate < 49 || rate > 51 {
			t.Errorf("%.1f a second, want 50", rate)
		}
	})
}

// A registry with a knee is kept near it and hardly ever pushed over, whatever
// happens beyond.
func TestKnee(t *testing.T) {
	for _, past := range []string{"refuse", "queue"} {
		for _, latency := range []time.Duration{2 * ms, 5 * ms, 20 * ms, 50 * ms} {
			testKnee(t, &model{past: past, knee: 200, latency: latency})
			testKnee(t, &model{past: past, knee: 200, latency: latency, jitter: latency / 2})
			testKnee(t, &model{past: past, knee: 50, latency: latency, jitter: latency / 5})
		}
		testKnee(t, &model{past: past, knee: 1000, latency: 20 * ms, jitter: 10 * ms})
	}
	for _, latency := range []time.Duration{2 * ms, 5 * ms, 7 * ms, 20 * ms, 30 * ms, 50 * ms} {
		testKnee(t, &model{past: "double", knee: 200, latency: latency})
		testKnee(t, &model{past: "double", knee: 200, latency: latency, jitter: latency / 5})
		// What is first asked for when everything is slow does not look quick.
		testKnee(t, &model{past: "double", knee: 200, latency: latency, jitter: latency / 5, configs: 2})
		testKnee(t, &model{past: "double", knee: 200, latency: latency, jitter: latency / 5, configs: 3})
	}
	// Answers of which some take twice as long as others do not hide it.
	for _, past := range []string{"refuse", "queue", "double"} {
		for _, latency := range []time.Duration{2 * ms, 5 * ms, 20 * ms} {
			testKnee(t, &model{past: past, knee: 200, latency: latency, jitter: latency})
		}
	}
	// What the first answers took does not tell what they could.
	for _, latency := range []time.Duration{2 * ms, 5 * ms, 20 * ms, 50 * ms} {
		testKnee(t, &model{past: "double", knee: 200, latency: latency, jitter: latency / 5, start: time.Second / 3, configs: 2})
		testKnee(t, &model{past: "queue", knee: 200, latency: latency, jitter: latency / 5, start: time.Second / 3, configs: 2})
	}
	testKnee(t, &model{knee: 200, latency: 20 * ms, jitter: 5 * ms, after: "1"})
	testKnee(t, &model{knee: 200, latency: 20 * ms, jitter: 5 * ms, quota: true})
	testKnee(t, &model{knee: 200, latency: 20 * ms, jitter: 5 * ms, burst: time.Second})
	testKnee(t, &model{knee: 200, latency: 20 * ms, jitter: 5 * ms, past: "queue", stalls: 10 * ms})
}

func testKnee(t *testing.T, m *model) {
	name := fmt.Sprintf("%s %.0f %v+%v %v %v %v %d", cmp.Or(m.past, "refuse"), m.knee, m.latency, m.jitter, m.burst, m.stalls, m.start, m.configs)
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lasting := 40 * time.Second
			if m.start > 0 {
				lasting = 70 * time.Second // the pace may have been found only just before ten
			}
			rate := load(t, NewThrottle(m, 0, 0), m, lasting)
			over := 100 * float64(m.refused+m.slow) / float64(m.sent)
			t.Logf("%.0f a second, %.2f %% refused or slow", rate, over)
			if rate < 0.85*m.knee || over > 2 {
				t.Errorf("%.0f a second (want %.0f), %.2f %% refused or slow (want at most 2)", rate, 0.85*m.knee, over)
			}
		})
	})
}

// What holds up this machine for a moment is not the registry's strain.
func TestStallsOfThisMachineCostNothing(t *testing.T) {
	for _, stall := range []time.Duration{10, 40} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{latency: 5 * time.Millisecond, stalls: stall * time.Millisecond}
			rate := load(t, NewThrottle(m, 0, 0), m, 11*time.Second)
			if want := registry.MostInFlight / 0.005 * float64(100-stall) / 100; rate < 0.98*want {
				t.Errorf("stalls of %d in 100 ms: %.0f a second, want %.0f", stall, rate, want)
			}
		})
	}
}

// A pace that turned out too slow does not stay: the registry bears more again.
func TestThePaceFollowsARegistryThatRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: 50 * time.Millisecond, knee: 100}
		throttle := NewThrottle(m, 0, 0)
		time.AfterFunc(15*time.Second, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.knee = 0
		})
		load(t, throttle, m, 120*time.Second)
		if limit, bounded := throttle.pace.perSecond(); bounded || m.top != registry.MostInFlight {
			t.Errorf("still %.0f a second, %d in flight", limit, m.top)
		}
	})
}

// Asking less does not help a registry that is slow for reasons of its own, so
// it is not asked less.
func TestASlownessThatIsNotOursCostsNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: 5 * time.Millisecond}
		time.AfterFunc(5*time.Second, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.latency = 30 * time.Millisecond
		})
		if rate, want := load(t, NewThrottle(m, 0, 0), m, 30*time.Second), registry.MostInFlight/0.030; rate < 0.8*want {
			t.Errorf("%.0f a second, want %.0f", rate, want)
		}
	})
}

// A registry that once answered in microseconds and then took long for a
// while is asked by more than a few at once again: a pace that too few places
// cannot use up would stay for ever.
func TestAQuickRegistryIsNotLeftWithTwoPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: 30 * time.Microsecond}
		for at, latency := range map[time.Duration]time.Duration{100 * time.Millisecond: 10 * time.Millisecond, 160 * time.Millisecond: 2 * time.Millisecond} {
			time.AfterFunc(at, func() {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.latency = latency
			})
		}
		if rate, want := load(t, NewThrottle(m, 8, 0), m, 20*time.Second), 8/0.002; rate < 0.9*want {
			t.Errorf("%.0f a second, want %.0f", rate, want)
		}
	})
}

func TestEverythingWaitsWhenTheRegistrySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{503, 200}, headers: http.Header{"Retry-After": {"30"}}}
		throttle := NewThrottle(s, 0, 0)
		send := func() {
			req, _ := http.NewRequestWithContext(t.Context(), "HEAD", "http://r.example/v2/app/manifests/v1", nil)
			if _, err := throttle.RoundTrip(req); err != nil {
				t.Error(err)
			}
		}
		send()
		send()
		if waited := s.sent[1].Sub(s.sent[0]); waited != 30*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// A place is kept until a body is read, given back once, and not kept by a
// request that was given up while it waited.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{latency: time.Millisecond}
		throttle := NewThrottle(m, 1, 0)
		get := func(ctx context.Context) (*http.Response, error) {
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://r.example/v2/app/manifests/v1", nil)
			return throttle.RoundTrip(req)
		}
		first, err := get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := get(impatient); err == nil {
			t.Error("a second request was sent while the first one's body was open")
		}
		if _, err := io.ReadAll(first.Body); err != nil {
			t.Error(err)
		}
		first.Body.Close()
		for range 2 {
			streamed, err := get(Streaming(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			defer streamed.Body.Close()
		}
		if throttle.inFlight != 0 {
			t.Errorf("%d places taken", throttle.inFlight)
		}
	})
}

// In how long an answer is quick depends on how many others were answered.
func TestQuickFor(t *testing.T) {
	for _, c := range []struct {
		inFlight    int
		took, could time.Duration
		want        time.Duration
	}{
		{64, 25 * ms, ms / 2, 12 * ms},
		{8, 11 * ms, ms / 2, 12 * ms},
		{4, 10 * ms, ms / 2, 8 * ms},
		{2, 10 * ms, ms / 2, 4 * ms}, // 200 a second: one waits for the other
		{64, 7 * ms, 5 * ms, 10 * ms},
		{3, 15 * ms, 2 * ms, 4 * ms},
	} {
		if got := quickFor(c.inFlight, c.took, c.could); got != c.want {
			t.Errorf("%d in flight for %v: quick within %v, want %v", c.inFlight, c.took, got, c.want)
		}
	}
}

// Only what takes as long as another request of its kind is compared with it.
func TestClassOf(t *testing.T) {
	for request, want := range map[string]class{
		"GET /v2/a/manifests/v1":       getManifest,
		"HEAD /v2/a/manifests/v1":      headManifest,
		"GET /v2/a/blobs/sha256:12":    getBlob,
		"HEAD /v2/a/blobs/sha256:12":   headBlob,
		"DELETE /v2/a/manifests/v1":    incomparable,
		"POST /v2/a/blobs/uploads/":    incomparable,
		"GET /v2/a/blobs/uploads/1":    incomparable,
		"GET /v2/a/tags/list":          incomparable,
		"GET /v2/":                     incomparable,
		"GET /v2/a/referrers/sha256:1": incomparable,
	} {
		method, path, _ := strings.Cut(request, " ")
		req, _ := http.NewRequest(method, "http://r.example"+path, nil)
		if got := classOf(req); got != want {
			t.Errorf("%s: %d, want %d", request, got, want)
		}
	}
}
