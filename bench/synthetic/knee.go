package synthetic

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Past names what happens to requests beyond the knee.
type Past string

const (
	Refuse Past = "refuse" // they are answered 429
	Queue  Past = "queue"  // they wait for their turn
	Double Past = "double" // every answer takes two and a half times as long
)

// Knee is how many requests a second the registry bears, and what happens
// beyond.
type Knee struct {
	PerSecond  float64       // 0: any number
	Past       Past          // "": Refuse
	Burst      time.Duration // how much of the allowance is saved up; 0: a tenth of a second
	RetryAfter bool          // a refusal says to come back in a second
	RateLimit  bool          // answers say by RateLimit-Remaining how much is left
}

// Second is what was answered in one second.
type Second struct {
	Answered int // as quickly as below the knee
	Refused  int // with 429
	Slow     int // after more than twice the time that the answer takes at ease
}

// gate holds the knee.
type gate struct {
	knee Knee

	mu     sync.Mutex
	began  time.Time // the first request
	second []Second
	tokens float64
	filled time.Time
	free   time.Time   // when the queue will be empty
	recent []time.Time // requests of the last quarter of a second
}

// span is what rates are judged by, where everything becomes slow.
const span = time.Second / 4

// enter says how long the answer to a request must take that takes atEase below
// the knee, or refuses it.
func (g *gate) enter(now time.Time, atEase time.Duration, header http.Header) (took time.Duration, admitted bool) {
	if g.knee.PerSecond == 0 {
		return atEase, true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.began.IsZero() {
		g.began, g.filled, g.tokens = now, now, g.most()
	}
	for i := int(now.Sub(g.began) / time.Second); len(g.second) <= i; {
		g.second = append(g.second, Second{})
	}
	counted := &g.second[len(g.second)-1]
	took = atEase
	switch each := time.Duration(float64(time.Second) / g.knee.PerSecond); g.knee.Past {
	case Queue:
		if g.free.Before(now) {
			g.free = now
		}
		took += g.free.Sub(now)
		g.free = g.free.Add(each)
	case Double:
		g.recent = append(g.recent, now)
		for now.Sub(g.recent[0]) > span {
			g.recent = g.recent[1:]
		}
		if float64(len(g.recent)) > g.knee.PerSecond*span.Seconds()+1 {
			took = took * 5 / 2
		}
	default:
		g.tokens = min(g.most(), g.tokens+now.Sub(g.filled).Seconds()*g.knee.PerSecond)
		g.filled = now
		admitted := g.tokens >= 1
		if admitted {
			g.tokens--
		}
		if g.knee.RateLimit {
			header.Set("RateLimit-Remaining", strconv.Itoa(int(g.tokens)))
			header.Set("RateLimit-Reset", "1")
		}
		if !admitted {
			counted.Refused++
			if g.knee.RetryAfter {
				header.Set("Retry-After", "1")
			}
			return 0, false
		}
	}
	if took > 2*atEase {
		counted.Slow++
	} else {
		counted.Answered++
	}
	return took, true
}

// most is how many requests may come at once.
func (g *gate) most() float64 {
	burst := g.knee.Burst
	if burst == 0 {
		burst = time.Second / 10
	}
	return max(1, g.knee.PerSecond*burst.Seconds())
}

// Seconds is what was answered, second by second from the first request. It is
// counted only where there is a knee.
func (r *Registry) Seconds() []Second {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	return append([]Second(nil), r.gate.second...)
}

func (r *Registry) delay() time.Duration {
	if r.shape.Jitter == 0 {
		return r.shape.Latency
	}
	return r.shape.Latency + rand.N(r.shape.Jitter)
}
