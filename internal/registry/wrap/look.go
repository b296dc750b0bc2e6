package wrap

import "time"

// look is an experiment: is the registry slow because of what is asked? For a
// short time one request is in flight, and a third of what was thought right is
// sent. If answers are no quicker then, it goes on with pauses between requests:
// one after the other may be too much, too. If that is of no use either, slowing
// down is of no use.
type look struct {
	from        time.Time
	pace        float64 // that was thought right
	pauses      bool
	slow, quick int
	row         int // quick answers since the last slow one, to what was sent alone
}

const (
	// lookFor is how long a look lasts; what comes in the time before lookAfter
	// may still be slow from what was asked before.
	lookFor   = 400 * time.Millisecond
	lookAfter = 250 * time.Millisecond
	// lookAt is the least number of answers that are looked at.
	lookAt = 3
	// atOnce is how many quick answers in a row end a look before its time: then
	// slowing down was right, and there is nothing more to find out. That it was
	// of no use is only said in the end.
	atOnce = 8
	// apart is how far apart requests with pauses start, as a multiple of the time
	// that one takes at ease.
	apart = 4
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
	if known && !start.Before(l.from) {
		if l.row++; late {
			l.row = 0
		}
	}
	if l.row < atOnce && (now.Sub(l.from) < lookFor || l.slow+l.quick < lookAt) {
		return
	}
	helped := l.row >= atOnce || l.quick >= l.slow
	asked, _ := t.pace.perSecond()
	if seldom := 1 / (apart * t.strain.could().Seconds()); !helped && !l.pauses && asked > seldom {
		t.look = &look{from: now, pace: l.pace, pauses: true}
		t.pace.lower(seldom, now)
		return
	}
	t.look = nil
	t.strain.forget()
	t.cut = now
	if helped {
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
