package wrap

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace is a rate that a registry has shown by turning requests away: none
// until the first 429, then a little less than what it answered just
// before, and from there four hundredths more every second, faster the longer
// nothing is turned away.
type pace struct {
	limiter *rate.Limiter

	mu     sync.Mutex
	cut    time.Time
	raised time.Time
	from   time.Time // of the span that is counted
	count  int
	before float64 // a second, in the span before
}

const (
	paceSpan  = time.Second
	paceStart = 100 // a second
	paceFloor = 0.5
	paceCut   = 0.92
	paceRaise = 0.04
	paceMost  = 0.5
	paceCalm  = 4 * time.Second
)

func newPace() *pace { return &pace{limiter: rate.NewLimiter(rate.Inf, 1)} }

func (p *pace) wait(ctx context.Context) error { return turn(ctx, p.limiter) }

// turn waits until limiter lets one more request go, or until ctx ends.
func turn(ctx context.Context, limiter *rate.Limiter) error {
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

// answered counts a request that was not turned away.
func (p *pace) answered(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if p.from.IsZero() {
		p.from = now
	}
	if span := now.Sub(p.from); span >= paceSpan {
		p.before, p.from, p.count = float64(p.count)/span.Seconds(), now, 0
	}
	limit := p.limiter.Limit()
	if limit == rate.Inf || now.Sub(p.raised) < paceSpan {
		return
	}
	p.raised = now
	calm := int(now.Sub(p.cut) / paceCalm)
	p.limiter.SetLimitAt(now, limit*rate.Limit(1+min(paceMost, paceRaise*float64(int(1)<<min(calm, 8)))))
}

// turnedAway slows down, once for all that was sent before the last time and
// for what the registry still turns away right after it.
func (p *pace) turnedAway(start, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if start.Before(p.cut) || now.Sub(p.cut) < paceSpan/4 {
		return
	}
	shown := p.before
	if span := now.Sub(p.from); !p.from.IsZero() && span >= paceSpan/4 {
		shown = float64(p.count) / span.Seconds()
	}
	if shown == 0 { // turned away before it answered anything
		shown = paceStart
	}
	shown = min(shown, float64(p.limiter.Limit()))
	p.limiter.SetLimitAt(now, rate.Limit(max(paceFloor, shown*paceCut)))
	p.cut, p.raised, p.from, p.count, p.before = now, now, now, 0, 0
}
