package wrap

import (
	"testing"
	"time"
)

// answers gives a spread answers that were sent a millisecond after each other by
// so many at once.
func answers(s *spread, inFlight int, from time.Time, took ...time.Duration) time.Time {
	type answer struct{ start, at time.Time }
	var all []answer
	for i, d := range took {
		start := from.Add(time.Duration(i) * ms)
		all = append(all, answer{start, start.Add(d)})
	}
	last := from
	for range all { // in the order in which they come
		next := -1
		for i, a := range all {
			if !a.at.IsZero() && (next < 0 || a.at.Before(all[next].at)) {
				next = i
			}
		}
		a := all[next]
		s.answered(a.at.Sub(a.start), inFlight, a.start, a.at)
		all[next].at, last = time.Time{}, a.at
	}
	return last
}

func repeated(n int, took ...time.Duration) (all []time.Duration) {
	for i := range n {
		all = append(all, took[i%len(took)])
	}
	return all
}

// queued are answers that wait for each other: each takes longer than the one
// before.
func queued(n int, first, more time.Duration) (all []time.Duration) {
	for i := range n {
		all = append(all, first+time.Duration(i)*more)
	}
	return all
}

func TestSpread(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		took []time.Duration
		want time.Duration
	}{
		"too few":         {repeated(firstBlock-1, 5*ms, 50*ms), 0},
		"all alike":       {repeated(200, 5*ms), 0},
		"a queue":         {queued(200, 5*ms, 3*ms), 0},
		"some slow":       {repeated(160, 5*ms, 5*ms, 5*ms, 5*ms, 50*ms), 0},
		"half of them":    {repeated(160, 5*ms, 50*ms), 50 * ms},
		"most of them":    {repeated(160, 5*ms, 50*ms, 50*ms), 50 * ms},
		"nearly the same": {repeated(160, 50*ms, 53*ms), 0},
	} {
		var s spread
		if answers(&s, 16, now, c.took...); s.longest() != c.want {
			t.Errorf("%s: %v, want %v", name, s.longest(), c.want)
		}
	}
}

// Where hardly anything is in flight nothing is overtaken, which does not say that
// answers are all alike.
func TestFewAnswersInFlightTellNothing(t *testing.T) {
	var s spread
	last := answers(&s, 16, time.Now(), repeated(160, 5*ms, 50*ms)...)
	for range 2 * lastBlock {
		last = last.Add(50 * ms)
		s.answered(50*ms, 1, last.Add(-50*ms), last)
	}
	if s.longest() != 50*ms {
		t.Errorf("%v, want what it was before", s.longest())
	}
	for range 2 * lastBlock {
		last = last.Add(50 * ms)
		s.answered(50*ms, 16, last.Add(-50*ms), last)
	}
	if s.longest() != 0 {
		t.Errorf("%v, want nothing: they are alike with many in flight", s.longest())
	}
}

// What is slow because too much is asked does not become usual; what a look has
// seen does.
func TestWhatIsUsualDoesNotGrow(t *testing.T) {
	var s spread
	last := answers(&s, 16, time.Now(), repeated(160, 5*ms, 50*ms)...)
	last = answers(&s, 150, last, repeated(1000, 15*ms, 150*ms)...)
	if s.longest() != 50*ms {
		t.Errorf("%v, want what it was at ease", s.longest())
	}
	last = answers(&s, 16, last, repeated(160, 2*ms, 20*ms)...)
	if s.longest() != 20*ms {
		t.Errorf("%v, want what was quicker since", s.longest())
	}
	for _, c := range []struct {
		paused bool
		want   time.Duration
	}{{false, 20 * ms}, {true, 60 * ms}} {
		s.look()
		for range 4 {
			s.atEase(60 * ms)
		}
		if s.learn(s.seen(), c.paused); s.longest() != c.want {
			t.Errorf("after a look, paused %v: %v, want %v", c.paused, s.longest(), c.want)
		}
	}
	// Two spans of time later it is what it is then.
	for range 3 {
		last = answers(&s, 100, last.Add(easeSpan+1), repeated(1000, 10*ms, 100*ms)...)
	}
	if s.longest() != 100*ms {
		t.Errorf("%v, want what it is now", s.longest())
	}
}
