package wrap

// window is how many requests may be in flight. It doubles per round trip
// until it reaches its bound or something gives; from then on the pace says how
// many are sent, and the window leaves room for three times as many as are in flight
// at that pace when the registry is at ease.
type window struct {
	size, bound float64
	probing     bool // nothing has given yet
}

func newWindow(bound int) window {
	return window{size: float64(min(startConcurrency, bound)), bound: float64(bound), probing: true}
}

func (w *window) places() int { return max(1, int(w.size)) }

// answered grows the window where it was used up: otherwise nothing was
// learned about more.
func (w *window) answered(inFlight int) {
	if w.probing && float64(inFlight) >= w.size-1 {
		w.size = min(w.bound, w.size+1)
	}
}

// fit follows a pace of that many in flight on average; 0: not known.
func (w *window) fit(inFlight float64) {
	w.probing = false
	if inFlight > 0 {
		w.size = max(1, min(w.bound, 3*inFlight+1))
	}
}

// free leaves everything to the bound again.
func (w *window) free() { w.size = w.bound }
