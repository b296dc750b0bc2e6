package wrap

import "net/http"

// trouble is what an answer says about what is asked of a registry, before anybody
// looks at how long it took.
type trouble uint8

const (
	none    trouble = iota
	glitch          // it failed, and that may have nothing to do with how much is asked
	refusal         // a little too much is asked
	failure         // the registry is in trouble
)

// glitches tells failures that come now and then, whatever is asked, from those of
// a registry that is in trouble or asked too much.
type glitches struct {
	broken float64 // the part of the answers of late that were 500
	failed float64 // and of those that failed in other ways, or were 500 and then well
}

const (
	// brokenOf is how many answers tell whether the registry or what was asked for
	// is broken, and brokenPart a part of these.
	brokenOf   = 16
	brokenPart = 0.2
	// failedOf is how many answers tell whether one that failed was an accident, and
	// failedPart a part of these: three that come one after the other are none.
	failedOf   = 256
	failedPart = 0.01
)

// trouble judges one answer; the status of a request that failed without one is 0,
// and patience says that the registry named a time to come back. One manifest that is damaged is answered 500 however slowly it is asked for: a
// registry that is asked too much breaks over many things, or over some that it
// answers when they are asked for again.
func (t *Throttle) trouble(req *http.Request, status int, patience bool) trouble {
	g := &t.glitches
	broken, failed, mended := false, false, false
	switch status {
	case http.StatusTooManyRequests:
		return refusal
	case http.StatusInternalServerError:
		broken = true
	case 0, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		failed = true
	default:
		mended = broke(req).Sub(t.cut) > sameCrowd
	}
	part(&g.broken, broken, brokenOf)
	part(&g.failed, failed || mended, failedOf)
	switch {
	case broken && (g.broken > brokenPart || !harmless(req)):
		return failure
	case failed && (g.failed > failedPart || patience):
		return failure
	case mended && g.failed > failedPart:
		return refusal
	case broken, failed:
		return glitch
	}
	return none
}

// part takes one more answer into the part of the last ones that are so.
func part(of *float64, is bool, last float64) {
	one := 0.0
	if is {
		one = 1
	}
	*of += (one - *of) / last
}
