package wrap

import "time"

// look is an experiment: is the registry slow because of what is asked? For a
// short time one request is in flight, and a third of what was thought right is
// sent. If answers are no quicker then, slowing down is of no use.
type look struct {
	from        time.Time
	pace        float64 // that was thought right
	slow, quick int
}

const (
	// lookFor is how long a look lasts; what comes in the time before lookAfter
	// may still be slow from what was asked before.
	lookFor   = 400 * time.Millisecond
	lookAfter = 250 * time.Millisecond
	// lookAt is the least number of answers that are looked at.
	lookAt = 3
)

func (t *Throttle) startLook(now time.Time) {
	limit, _ := t.pace.perSecond()
	t.look = &look{from: now, pace: limit}
	t.pace.lower(limit/3, now)
	t.window.size = 1
}

// looked takes in one answer during a look, and ends it.
func (t *Throttle) looked(late, known bool, start, now time.Time) {
	l := t.look
	if known && !start.Before(l.from.Add(lookAfter)) {
		if late {
			l.slow++
		} else {
			l.quick++
		}
	}
	if now.Sub(l.from) < lookFor || l.slow+l.quick < lookAt {
		return
	}
	t.look = nil
	t.strain.forget()
	t.cut = now
	if l.quick >= l.slow {
		t.pace.lower(l.pace, now)
		t.window.fit(l.pace * t.strain.room().Seconds())
		t.series = -1
		return
	}
	t.strain.tolerate(now)
	if t.boundless {
		t.free()
		return
	}
	t.pace.set(t.series, now)
	t.window.fit(t.series * t.strain.room().Seconds())
	t.series = 0
}
