package wrap

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// learn adjusts window, pace and pause to one answer.
func (t *Throttle) learn(req *http.Request, resp *http.Response, err error, start time.Time) {
	now := time.Now()
	if err != nil && (req.Context().Err() != nil || decided(err)) {
		return
	}
	status, patience := 0, false // whether the registry asks for it
	var closed, quota time.Duration
	if resp != nil {
		status = resp.StatusCode
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			closed, _ = retryAfter(resp.Header, now)
			patience = closed > 0
		}
		quota = quotaPause(resp.Header, now)
		closed = max(closed, quota)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if closed > longestWait {
		closed = 0
	}
	if until := now.Add(closed); closed > 0 && until.After(t.closed) {
		t.closed = until
	}
	switch trouble := t.trouble(req, status, patience); {
	case trouble == refusal, quota > 0:
		t.turnedAway(start, now)
	case trouble == failure:
		t.failed(start, now)
	case trouble == none:
		t.answered(classOf(req), start, now)
	}
	t.admit()
}

// decided says that a request failed because it was not sent: something between
// here and the wire has given the registry up.
func decided(err error) bool {
	var known *registry.Error
	return errors.As(err, &known)
}

// turnedAway slows down to a little less than what was answered of late.
func (t *Throttle) turnedAway(start, now time.Time) {
	if t.knew(start, now) {
		return
	}
	shown := t.pace.shown(now)
	t.slow(shown, shown*paceTurned, now)
}

// failed halves the pace.
func (t *Throttle) failed(start, now time.Time) {
	if t.knew(start, now) {
		return
	}
	shown := t.pace.shown(now)
	t.slow(shown, shown/2, now)
}

// knew says that a bad answer belongs to the crowd that was answered already.
func (t *Throttle) knew(start, now time.Time) bool {
	return start.Before(t.cut) || now.Sub(t.cut) < sameCrowd
}

// pastBound is how far beyond its bound on requests in flight a pace must lie
// to say nothing: further it cannot be raised, because it is not used up.
const pastBound = 1.2

func (t *Throttle) answered(kind class, start, now time.Time) {
	t.pace.meter.answered(now)
	t.pace.answered++
	if !t.strain.calm() {
		t.strain.answers++
	}
	alike := t.strain.usual(kind) == 0
	late, known := t.strain.late(kind, t.inFlight, start, now)
	if alike && t.strain.usual(kind) > 0 {
		t.differ(kind)
	}
	if t.look != nil {
		t.looked(kind, late, known, start, now)
		return
	}
	if known {
		if rate, strained := t.strain.answered(late, t.inFlight, start, now, t.cut); strained {
			t.strained(rate, now)
			return
		}
	}
	limit, bounded := t.pace.perSecond()
	switch room := t.strain.room().Seconds(); {
	case !bounded && known && t.unsure(now):
		t.startEase(now)
	case !bounded:
		t.window.answered(t.inFlight, late || t.strain.mostlyLate())
		if known && !start.Before(t.cut) {
			switch rate, part := t.balance.answered(late && now.Sub(start) > 2*t.strain.usual(kind), now); {
			case part > mostLate && t.strain.could() >= balanceFrom:
				t.slow(rate, paceCut*rate, now)
				return
			case part > mostLateAlone && t.window.places() == 1:
				t.noWindow(rate, now)
				return
			}
		}
		if !late && t.strain.calm() {
			t.window.grow(now, t.strain.could())
		}
	case limit*room > pastBound*t.window.bound:
		t.free()
	default:
		if !start.Before(t.cut) {
			t.weigh(late && now.Sub(start) > 2*max(t.strain.could(), t.strain.usual(kind)), limit, now)
		}
		if !late && t.strain.calm() && t.balance.tried == 0 && t.pace.raise(now, t.strain.could()) {
			t.series = 0
			t.window.fit(limit * room)
		}
	}
}

// differ is called when it turns out that answers of a kind differ: what seemed
// late was not. With the first of its answers that is no reason to have shrunk the
// window, either.
func (t *Throttle) differ(kind class) {
	t.strain.forget()
	t.balance.restart()
	if _, bounded := t.pace.perSecond(); !bounded && t.strain.classes[kind].spread.of < lastBlock {
		t.window.probe()
	}
}

// weigh tries a slower pace where one is worth it, and ends the trial. What cannot
// be compared counts, too, so that a trial ends where nothing else is asked any more.
func (t *Throttle) weigh(late bool, asked float64, now time.Time) {
	rate, part := t.balance.answered(late, now)
	if rate == 0 {
		return
	}
	tried := t.balance.tried
	switch t.balance.paced(asked, part, now) {
	case trial:
		t.pace.lower(paceTrial*asked, now)
		t.cut = now.Add(aMoment)
	case helped:
		t.pace.slow(tried, asked, now)
	case ofNoUse:
		t.pace.lower(tried, now)
	}
}

// strained relieves a registry that takes long and answers that many a second.
// First it is asked less at once; where that does not help, a look finds out
// whether it helps to ask less. Where there is a pace, that gets slower.
func (t *Throttle) strained(rate float64, now time.Time) {
	asked, bounded := t.pace.perSecond()
	switch took := t.strain.took(); {
	case bounded:
		t.tooMuch(rate, asked, now)
	case t.window.helpless(took):
		t.noWindow(rate, now)
	default:
		t.window.shrink(inHand*rate*max(leastRoom, t.strain.could()).Seconds(), rate, took, now)
		t.strain.forget()
		t.cut = now
	}
}

// noWindow gives a registry that answers that many a second a pace, where fewer in
// flight are of no use, and looks whether that is.
func (t *Throttle) noWindow(rate float64, now time.Time) {
	t.slow(rate, paceCut*rate, now)
	t.series, t.boundless = rate, true
	t.startLook(now)
}

const (
	// inHand is how many requests may be in flight, as a multiple of those that a
	// registry has in hand when none waits for another one.
	inHand = 1.3
	// leastRoom is the shortest time in which a registry has something in hand:
	// what is answered sooner shows more of this machine than of the registry.
	leastRoom = quickEnough / 2
)

// tooMuch slows the pace down after asked turned out to be too much for a
// registry that answers rate.
func (t *Throttle) tooMuch(rate, asked float64, now time.Time) {
	switch {
	case rate > draining*asked:
		t.strain.forget()
		return
	case t.pace.raised:
		rate = asked // it bore what it was asked before; the last step was too much
	}
	// A moment's standstill of this machine looks like strain and shows no
	// rate, so one such sign halves the pace at most.
	cut := paceCut
	if t.series < 0 && (t.strain.quick == 0 || t.strain.varies()) {
		t.far = max(leastFarCut, paceFarCut*cmp.Or(t.far, 1))
		cut = t.far
	} else {
		t.far = 0
	}
	to := max(asked/2, cut*min(rate, asked))
	borne := t.pace.gave
	t.slow(asked, to, now)
	switch {
	case t.series == 0:
		t.series, t.boundless = asked, false
		if asked < sameKnee*borne { // it bore more before
			t.series = borne
			t.startLook(now)
		}
	case t.series > 0 && to < t.series/2, t.series < 0 && to < -t.series/4:
		t.startLook(now)
	}
}

// sameKnee is how far below the rate that was too much before a rate may be too
// much for the same reason.
const sameKnee = 0.97

// draining: what answers that much more than it is asked is getting rid of a
// queue.
const draining = 1.05

// slow bounds the pace after rate turned out to be too much. Nothing is learned
// while the registry is closed.
func (t *Throttle) slow(rate, to float64, now time.Time) {
	t.look = nil
	from := now
	if t.closed.After(now) {
		from = t.closed
	}
	t.pace.slow(rate, to, from)
	t.window.fit(to * t.strain.room().Seconds())
	t.strain.forget()
	t.balance.forget()
	t.cut = now.Add(aMoment)
}

// free takes the bound of the pace away.
func (t *Throttle) free() {
	t.pace.free()
	t.window.free()
	t.series = 0
}
