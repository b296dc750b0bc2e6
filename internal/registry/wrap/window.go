package wrap

import (
	"net/http"
	"strings"
	"time"
)

// window is how many requests may be in flight. It doubles per round trip
// until something gives, then grows by a part of one per round trip, halves when the
// registry is overloaded and shrinks by a fifth when answers take clearly
// longer than they could.
type window struct {
	size, bound float64
	probing     bool // nothing has given yet
	cut         time.Time
	classes     map[string]*latency

	check   time.Time // when to look next how fast the registry is at ease
	resume  float64   // the size to go back to after that look; 0: not looking
	checked time.Time // when to go back
}

// growth is how many places a round trip adds once something has given.
const growth = 0.25

// Every now and then half the places stay empty for two round trips. Without
// that a queue that has formed is never seen to be one, is taken for the
// registry's own latency, and grows.
const checkEvery = 10 * time.Second

func newWindow(bound int) window {
	return window{
		size: float64(min(startConcurrency, bound)), bound: float64(bound),
		probing: true, classes: make(map[string]*latency),
	}
}

func (w *window) places() int { return max(1, int(w.size)) }

// overloaded shrinks once per crowd: what was sent before the last cut tells
// nothing new.
func (w *window) overloaded(start, now time.Time) {
	if start.Before(w.cut) {
		return
	}
	w.shrink(0.5, now)
}

func (w *window) shrink(to float64, now time.Time) {
	w.size, w.cut, w.probing, w.resume = max(1, w.size*to), now, false, 0
}

func (w *window) answered(class string, start, now time.Time, inFlight int) {
	if class != "" {
		l := w.classes[class]
		if l == nil {
			l = &latency{}
			w.classes[class] = l
		}
		slow := l.add(now.Sub(start), now, w.places())
		if w.looking(l, now) {
			return
		}
		if slow {
			if !start.Before(w.cut) {
				w.shrink(0.8, now)
			}
			return
		}
	}
	if float64(inFlight) < w.size-1 {
		return // not used up: nothing learned about more
	}
	if w.probing {
		w.size = min(w.bound, w.size+1)
	} else {
		w.size = min(w.bound, w.size+growth/w.size)
	}
}

// looking starts and ends the look at a registry at ease, and says whether one
// is under way: nothing is decided meanwhile.
func (w *window) looking(l *latency, now time.Time) bool {
	switch {
	case w.resume > 0 && now.Before(w.checked):
		return true
	case w.resume > 0:
		w.size, w.resume = w.resume, 0
	case w.check.IsZero():
		w.check = now.Add(checkEvery)
	case !w.probing && now.After(w.check):
		w.resume, w.size = w.size, max(1, w.size/2)
		w.checked, w.check = now.Add(2*l.recent(w.places())), now.Add(checkEvery)
		return true
	}
	return false
}

// latency of one kind of request: the least that it was in this span of time
// and the one before, and the least of late. A queue at the registry holds up
// every request; the noise of this machine and the network some, so the least
// of late tells one from the other.
type latency struct {
	before, least time.Duration
	span          time.Time
	late          [16]time.Duration
	seen          int
}

const (
	// leastSpan is longer than checkEvery, so that there was a look in it.
	leastSpan = 15 * time.Second
	// slack keeps the noise of fast registries from looking like strain.
	slack = 2000 * time.Microsecond
)

// add says whether the kind of request takes clearly longer than it could,
// judged by as many answers as there are places: one round trip.
func (l *latency) add(took time.Duration, now time.Time, places int) bool {
	l.late[l.seen%len(l.late)] = took
	l.seen++
	if l.seen == 1 {
		l.before, l.least, l.span = took, took, now
	}
	if now.Sub(l.span) > leastSpan {
		l.before, l.least, l.span = l.least, took, now
	}
	l.least = min(l.least, took)
	could := min(l.before, l.least)
	return l.seen > 1 && l.recent(places) > could+could/2+slack
}

// recent is the least of that many of the last answers.
func (l *latency) recent(many int) time.Duration {
	least := l.late[(l.seen-1)%len(l.late)]
	for i := 1; i < min(l.seen, len(l.late), max(many, 2)); i++ {
		least = min(least, l.late[(l.seen-1-i)%len(l.late)])
	}
	return least
}

// classOf names requests whose latencies can be compared; "" has none.
func classOf(req *http.Request) string {
	for _, kind := range []string{"/manifests/", "/blobs/sha"} {
		if strings.Contains(req.URL.Path, kind) && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
			return req.Method + kind
		}
	}
	return ""
}
