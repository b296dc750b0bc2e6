package wrap

import (
	"math"
	"time"
)

// look is an experiment: is the registry slow because of what is asked? For a
// short time one request is in flight, and a third of what was thought right is
// sent. If answers are no quicker then, it goes on with pauses between requests:
// one after the other may be too much, too. If that is of no use either, slowing
// down is of no use.
type look struct {
	from        time.Time
	pace        float64 // that was thought right
	pauses      bool
	before      *window // in a look at ease, the window that it interrupted
	slow, quick int
	others      int // answers that cannot be compared
	row         int // quick answers since the last slow one, to what was sent alone
}

const (
	// lookFor is how long a look lasts; what comes in the time before lookAfter
	// may still be slow from what was asked before.
	lookFor   = 400 * time.Millisecond
	lookAfter = 250 * time.Millisecond
	// lookAt is the least number of answers that are looked at. After others that
	// cannot be compared, nothing else is being asked for.
	lookAt, others = 3, 8
	// Where some are quick and some are slow, it takes mixedAt to tell, and mostly
	// times as many that are quick: where answers differ, that can be by chance.
	mixedAt, mostly = 10, 2
	// atOnce is how many quick answers in a row end a look before its time: then
	// slowing down was right, and there is nothing more to find out. That it was
	// of no use is only said in the end.
	atOnce = 8
	// easeAt is when a look at ease is made that was not called for, counted from
	// the first answer: so late that it costs little, and so early that a
	// registry which turns out to be strained has been found its pace after ten
	// seconds.
	easeAt = 4 * time.Second
	// easeFew is the same where no more than few may be in flight by then, because
	// more seemed too much: to ask less than that costs less still.
	easeFew, few = time.Second, 2
	// apart is how far apart requests with pauses start, as a multiple of the time
	// that one takes at ease.
	apart = 4
)

func (t *Throttle) startLook(now time.Time) {
	limit, _ := t.pace.perSecond()
	t.begin(&look{from: now, pace: limit})
	t.pace.lower(limit/3, now)
	t.window.size = 1
}

func (t *Throttle) begin(l *look) {
	t.look = l
	t.strain.look()
}

// unsure says that it is time to look at ease. What a registry's first answers
// took is what it is judged by; if this machine was busy then, as with starting
// this program, one that answers slowly because too much is asked has never
// looked strained, or not as strained as it is. A registry that answers in an
// instant is not asked less.
func (t *Throttle) unsure(now time.Time) bool {
	if t.first.IsZero() {
		t.first = now
	}
	after, many := easeAt, t.inFlight > startConcurrency
	if !t.window.probing {
		if many = true; t.window.places() <= few {
			after = easeFew
		}
	}
	return !t.sure && many && now.Sub(t.first) > after && t.strain.could() > quickEnough/2
}

// startEase begins a look from which nothing is concluded but how quick answers
// can be.
func (t *Throttle) startEase(now time.Time) {
	t.sure = true
	before := t.window
	t.begin(&look{from: now, pauses: true, before: &before})
	t.pace.lower(1/(apart*t.strain.could().Seconds()), now)
	t.window.size = 1
}

// endEase goes on as before.
func (t *Throttle) endEase(now time.Time) {
	t.window = *t.look.before
	t.pace.free()
	t.look = nil
	t.strain.looked(true, false)
	t.cut = now
}

// atLeast is how many answers are looked at.
func (l *look) atLeast() int {
	if l.before == nil && l.quick > 0 && l.slow > 0 {
		return mixedAt
	}
	return lookAt
}

// looked takes in one answer during a look, and ends it.
func (t *Throttle) looked(kind class, late, known bool, start, now time.Time) {
	l := t.look
	if !start.Before(l.from.Add(lookAfter)) {
		if known {
			t.strain.classes[kind].spread.atEase(now.Sub(start))
		}
		switch {
		case !known:
			l.others++
		case late:
			l.slow++
		default:
			l.quick++
		}
	}
	if known && !start.Before(l.from) {
		if l.row++; late {
			l.row = 0
		}
	}
	if (l.row < atOnce || l.before != nil) && (now.Sub(l.from) < lookFor || l.slow+l.quick < l.atLeast() && l.others < others) {
		return
	}
	if l.before != nil {
		t.endEase(now)
		return
	}
	helped := l.row >= atOnce || l.quick >= mostly*l.slow
	asked, _ := t.pace.perSecond()
	if seldom := 1 / (apart * t.strain.could().Seconds()); !helped && !l.pauses && asked > seldom {
		t.begin(&look{from: now, pace: l.pace, pauses: true})
		t.pace.lower(seldom, now)
		return
	}
	t.look = nil
	t.strain.looked(l.pauses, !helped && l.quick > 0)
	t.cut = now
	if helped {
		t.pace.lower(l.pace, now)
		t.window.fit(l.pace * t.strain.room().Seconds())
		t.series = -l.pace
		return
	}
	t.strain.tolerate(now)
	if t.boundless && t.series > 0 {
		t.free()
		return
	}
	t.pace.set(math.Abs(t.series), now)
	t.window.fit(math.Abs(t.series) * t.strain.room().Seconds())
	t.series = 0
}
