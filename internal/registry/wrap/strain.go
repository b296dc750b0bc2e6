package wrap

import (
	"net/http"
	"strings"
	"time"
)

// strain tells a registry that is asked more than it can answer from one that
// is at ease, by its latency. A queue at the registry holds up every request
// for as long as too much is asked; the noise of this machine and the network
// holds up some requests, or all for a moment. So a registry is strained when
// for a whole round trip, and no less than a moment, most answers took longer
// than they could.
type strain struct {
	classes map[string]*ease

	since       time.Time // when the first of the slow answers came; zero: none to count from
	slow, quick int       // answers since then, without the first
	last        time.Time // when the last answer came
	after       time.Time // what was sent before tells nothing
}

const (
	// aMoment is how long this machine's scheduler and garbage collector, and a
	// queue that empties, hold up answers.
	aMoment = 25 * time.Millisecond
	// crowd is how many requests in flight make it as long again: they
	// compete for this machine, too.
	crowd = 16
	// slack keeps the noise of fast registries from looking like strain.
	slack = time.Millisecond
	// enough is the least number of answers in a row that tell anything.
	enough = 4
)

func newStrain() strain { return strain{classes: make(map[string]*ease)} }

// answered judges one answer; what was sent before cut tells nothing new. Where
// it says that the registry is strained, rate is how many it answers a second
// like that.
func (s *strain) answered(class string, inFlight int, start, now, cut time.Time) (rate float64, strained bool) {
	if class == "" {
		return 0, false
	}
	e := s.classes[class]
	if e == nil {
		e = &ease{}
		s.classes[class] = e
	}
	took := now.Sub(start)
	could := e.could(took, now)
	if s.silence(now); start.Before(cut) || start.Before(s.after) {
		return 0, false
	}
	late := took > could+could/2+slack
	if s.since.IsZero() {
		if late {
			s.since = now
		}
		return 0, false
	}
	if late {
		s.slow++
	} else if s.quick++; s.quick > s.slow {
		s.forget()
		return 0, false
	}
	lasted := now.Sub(s.since)
	if lasted < aMoment+aMoment*time.Duration(inFlight)/crowd || s.slow < enough || start.Before(s.since) {
		return 0, false
	}
	return float64(s.slow+s.quick) / lasted.Seconds(), true
}

// silence begins anew where nothing at all was answered for a while, but much
// before: what is asked too much goes on answering, so something stood still.
func (s *strain) silence(now time.Time) {
	silent := now.Sub(s.last)
	if known := s.slow + s.quick; known > 0 && silent > aMoment && silent > 8*s.last.Sub(s.since)/time.Duration(known) {
		s.forget()
		s.after = now
	}
	s.last = now
}

// forget begins anew: what follows is judged on its own.
func (s *strain) forget() { s.since, s.slow, s.quick = time.Time{}, 0, 0 }

// could is the longest time that any kind of request takes at ease.
func (s *strain) could() time.Duration {
	var longest time.Duration
	for _, e := range s.classes {
		longest = max(longest, min(e.before, e.least))
	}
	return longest
}

// ease is the least time that one kind of request took in this span of time
// and in the one before.
type ease struct {
	before, least time.Duration
	span          time.Time
}

// easeSpan is longer than a pace is held, so that the registry was at ease
// in it.
const easeSpan = 3 * mostHold

// could takes one more answer in and says how quick it could have been.
func (e *ease) could(took time.Duration, now time.Time) time.Duration {
	switch {
	case e.span.IsZero():
		e.before, e.least, e.span = took, took, now
	case now.Sub(e.span) > easeSpan:
		e.before, e.least, e.span = e.least, took, now
	}
	e.least = min(e.least, took)
	return min(e.before, e.least)
}

// classOf names requests whose latencies can be compared; "" has none.
func classOf(req *http.Request) string {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return ""
	}
	get := req.Method == http.MethodGet
	switch path := req.URL.Path; {
	case strings.Contains(path, "/manifests/") && get:
		return "get manifest"
	case strings.Contains(path, "/manifests/"):
		return "head manifest"
	case strings.Contains(path, "/blobs/sha") && get:
		return "get blob"
	case strings.Contains(path, "/blobs/sha"):
		return "head blob"
	}
	return ""
}
