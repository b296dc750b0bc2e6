package wrap

import (
	"net/http"
	"strings"
	"time"
)

// window is how many requests may be in flight. It doubles per round trip
// until something gives, then grows by one per round trip, halves when the
// registry is overloaded and shrinks by a fifth when answers take clearly
// longer than they could.
type window struct {
	size, bound float64
	probing     bool // nothing has given yet
	cut         time.Time
	classes     map[string]*latency
}

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
	w.size, w.cut, w.probing = max(1, w.size/2), now, false
}

func (w *window) answered(class string, start, now time.Time, inFlight int) {
	if class != "" {
		l := w.classes[class]
		if l == nil {
			l = &latency{}
			w.classes[class] = l
		}
		if l.add(now.Sub(start)) {
			if !start.Before(w.cut) {
				w.size, w.cut, w.probing = max(1, w.size*0.8), now, false
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
		w.size = min(w.bound, w.size+1/w.size)
	}
}

// latency of one kind of request: the least it can be, slowly forgotten, and
// what it is of late.
type latency struct {
	least, recent time.Duration
	seen          int
}

// slack keeps the noise of fast registries from looking like strain.
const slack = 2 * time.Millisecond

// add says whether the kind of request takes clearly longer than it could.
func (l *latency) add(took time.Duration) bool {
	l.seen++
	if l.seen == 1 {
		l.least, l.recent = took, took
		return false
	}
	l.least += l.least / 2000
	l.least = min(l.least, took)
	l.recent += (took - l.recent) / 8
	const settled = 8
	return l.seen > settled && l.recent > l.least+l.least/2+slack
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
