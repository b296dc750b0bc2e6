package wrap

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace is a rate that a registry has shown by turning requests away: none
// until the first 429, then nine tenths of what it answered just before, and
// from there two hundredths more every second.
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
	paceFloor = 0.5 // a second
	paceCut   = 0.9
	paceRaise = 0.02
)

func newPace() *pace { return &pace{limiter: rate.NewLimiter(rate.Inf, 1)} }

func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

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
	p.limiter.SetLimitAt(now, limit*(1+paceRaise))
}

// turnedAway slows down, once for all that was sent before the last time.
func (p *pace) turnedAway(start, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if start.Before(p.cut) {
		return
	}
	shown := p.before
	if span := now.Sub(p.from); !p.from.IsZero() && (shown == 0 || span > paceSpan/4) {
		shown = float64(p.count) / max(span.Seconds(), 0.05)
	}
	if limit := p.limiter.Limit(); limit != rate.Inf {
		shown = min(shown, float64(limit))
	}
	p.limiter.SetLimitAt(now, rate.Limit(max(paceFloor, shown*paceCut)))
	p.cut, p.raised, p.from, p.count = now, now, now, 0
}
