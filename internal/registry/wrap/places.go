package wrap

// Places is how many requests it makes sense to have in hand now: those that
// may be in flight, and no more than half a second's worth where a rate holds
// them back, so that what is looked at is acted on soon.
func (t *Throttle) Places() int {
	t.mu.Lock()
	places := t.window.places()
	t.mu.Unlock()
	if t.limit != nil {
		places = min(places, halfASecond(float64(t.limit.Limit())))
	}
	if bound, ok := t.pace.perSecond(); ok {
		places = min(places, halfASecond(bound))
	}
	return places
}

func halfASecond(perSecond float64) int { return max(1, int(perSecond/2)) }

// Places is how many requests it makes sense to have in hand now.
func (c *Connection) Places() int { return c.throttle.Places() }
