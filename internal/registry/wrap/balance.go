package wrap

import "time"

// balance notices that some answers are slow all the time, which is no strain by
// itself: a registry that takes longer over what goes beyond its knee holds back
// who waits for its answers, so that as many come as it bears, and a part of them
// is slow for ever. A pace just at the knee does the same.
//
// Where there is a pace, a slower one is a trial: what stays slow at that is so for
// other reasons, and then the trial is taken back and none is made for a while.
type balance struct {
	since         time.Time
	answers, late int

	part  float64       // of the answers that was late in the span before
	tried float64       // the pace before the trial, a second; 0: there is none
	until time.Time     // no trial is made before
	rest  time.Duration // how long none was made for last
}

const (
	// What comes in balanceFor is judged, and no less than balanceAt answers.
	balanceFor = time.Second
	balanceAt  = 100
	// mostLate is the part of the answers that may be late, and balanceFrom the
	// latency from which on no more are because of this machine.
	mostLate    = 0.05
	balanceFrom = 20 * time.Millisecond
	// mostLateAlone is the same, at any latency, where one request is sent after the
	// other, which is too much for a registry that is seldom at ease then.
	mostLateAlone = 0.45
	// mostLatePaced is the same where there is a pace.
	mostLatePaced = 0.02
	// leastRest and mostRest bound how long after a trial that was of no use another
	// is made: each time twice as long.
	leastRest, mostRest = 30 * time.Second, 5 * time.Minute
)

// answered takes in an answer. In the end rate is how many are answered a second,
// and part how many of these are late; else rate is 0.
func (b *balance) answered(late bool, now time.Time) (rate, part float64) {
	if b.since.IsZero() {
		b.since = now
	}
	if b.answers++; late {
		b.late++
	}
	took := now.Sub(b.since)
	if took < balanceFor || b.answers < balanceAt {
		return 0, 0
	}
	rate, part = float64(b.answers)/took.Seconds(), float64(b.late)/float64(b.answers)
	b.restart()
	return rate, part
}

// restart counts anew.
func (b *balance) restart() { b.since, b.answers, b.late = time.Time{}, 0, 0 }

// forget begins anew, and ends a trial.
func (b *balance) forget() {
	b.restart()
	b.part, b.tried = 0, 0
}

// paced judges a pace at which that part is late. One span tells nothing yet: a
// queue may be on its way out.
func (b *balance) paced(asked, part float64, now time.Time) verdict {
	before, tried := b.part, b.tried
	switch b.part = part; {
	case tried == 0 && min(before, part) > mostLatePaced && !now.Before(b.until):
		b.tried = asked
		return trial
	case tried == 0:
		return asBefore
	case part > before/2:
		b.forget()
		b.rest = min(mostRest, max(leastRest, 2*b.rest))
		b.until = now.Add(b.rest)
		return ofNoUse
	}
	b.forget()
	b.rest = 0
	return helped
}

// verdict is what is found out about a pace.
type verdict uint8

const (
	asBefore verdict = iota
	trial            // a slower one is worth a trial
	helped           // the slower one is right
	ofNoUse          // the slower one is taken back
)
