package wrap

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// pace is how many requests a second a registry has shown that it bears: no
// bound until something gives, then a little less than it answered just
// before. It is held for a while and then raised in steps; the more often the
// same rate turned out to be too much, the longer it is held.
type pace struct {
	limiter *rate.Limiter

	gave     float64 // the rate at which something gave last, per second
	hold     time.Duration
	since    time.Time // of the last step
	answered int       // since then
	raised   bool      // the last step went up
	beyond   int       // steps past gave
	meter    meter
}

const (
	paceStart   = 100.0 // a second
	paceFloor   = 0.5   // a second
	paceCut     = 0.93  // where latency told
	paceFarCut  = 0.8   // where every answer told again after a look has shown that it is right
	leastFarCut = 0.5   // the same again and again
	paceTurned  = 0.95  // where the registry said so itself
	paceTrial   = 0.97  // where some answers are slow all the time
	paceRaise   = 1.03
	paceUsed    = 0.8
	leastHold   = 50 * time.Millisecond
	mostHold    = 16 * time.Second
	sameCrowd   = 250 * time.Millisecond

	// A rate outside of these, as parts of the last one that was too much,
	// tells of something else.
	sameAtLeast, sameAtMost = 0.85, 1.25
)

func newPace() *pace {
	return &pace{limiter: rate.NewLimiter(rate.Inf, 1), hold: leastHold}
}

// turn waits until limiter lets one more request go, or until ctx ends. It is
// called without the throttle's lock.
func turn(ctx context.Context, limiter *rate.Limiter) error {
	if limiter.Limit() == rate.Inf {
		return nil
	}
	reserved := limiter.Reserve()
	delay := reserved.Delay()
	if delay == 0 {
		return nil
	}
	if err := pause(ctx, delay); err != nil {
		reserved.Cancel()
		return err
	}
	return nil
}

// perSecond is the bound; ok is false where there is none.
func (p *pace) perSecond() (bound float64, ok bool) {
	limit := p.limiter.Limit()
	return float64(limit), limit != rate.Inf
}

// slow bounds the pace from then on after rate turned out to be too much.
func (p *pace) slow(rate, to float64, from time.Time) {
	if rate > sameAtLeast*p.gave && rate < sameAtMost*p.gave {
		p.hold = min(mostHold, 4*p.hold)
	} else {
		p.hold = leastHold
	}
	p.gave, p.beyond = rate, 0
	p.lower(to, from)
	p.meter.restart(from)
}

// lower sets the pace to what is no step upwards.
func (p *pace) lower(to float64, from time.Time) {
	p.set(to, from)
	p.raised = false
}

func (p *pace) set(to float64, from time.Time) {
	p.since, p.answered, p.raised = from, 0, true
	p.limiter.SetLimit(rate.Limit(max(paceFloor, to)))
}

// raise makes a step when the pace was held for long enough to be seen at work,
// and used up.
func (p *pace) raise(now time.Time, latency time.Duration) bool {
	limit, bounded := p.perSecond()
	held := now.Sub(p.since)
	if !bounded || held < max(p.hold, leastHold+4*latency) || float64(p.answered) < paceUsed*limit*held.Seconds() {
		return false
	}
	if limit < p.gave {
		p.set(max(limit*paceRaise, min(limit*sameAtMost, limit+(p.gave-limit)/4)), now)
		return true
	}
	p.beyond++
	if limit > sameAtMost*p.gave {
		p.hold = min(p.hold, 4*leastHold) // the registry bears more than it did
	}
	p.set(limit*beyondRaise(p.beyond), now)
	return true
}

// beyondRaise is a step past what was too much before: each is larger than the
// one before it.
func beyondRaise(steps int) float64 {
	return min(1.5, 1+(paceRaise-1)*math.Pow(1.5, float64(steps)))
}

// shown is what was answered a second of late: no more than was let through,
// and no less than paceStart where nothing bounded it, because little may have
// been asked.
func (p *pace) shown(now time.Time) float64 {
	shown := p.meter.shown(now)
	if limit, bounded := p.perSecond(); bounded {
		if shown == 0 {
			shown = limit
		}
		return min(shown, limit)
	}
	return max(shown, paceStart)
}

// free takes the bound away.
func (p *pace) free() { p.limiter.SetLimit(rate.Inf) }

// meter counts answers per second, in this span of time and in the one before.
type meter struct {
	from   time.Time
	count  int
	before float64
}

const meterSpan = time.Second

func (m *meter) answered(now time.Time) {
	m.count++
	if m.from.IsZero() {
		m.from = now
	}
	if span := now.Sub(m.from); span >= meterSpan {
		m.before, m.from, m.count = float64(m.count)/span.Seconds(), now, 0
	}
}

// shown is the rate of late; 0 where too little is known.
func (m *meter) shown(now time.Time) float64 {
	if span := now.Sub(m.from); !m.from.IsZero() && span >= meterSpan/4 {
		return float64(m.count) / span.Seconds()
	}
	return m.before
}

// restart counts anew from then on.
func (m *meter) restart(at time.Time) { *m = meter{from: at} }
