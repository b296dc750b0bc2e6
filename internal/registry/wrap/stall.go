package wrap

import (
	"sync"
	"time"
)

// stalls tells how long this machine itself has held things up: what wants to
// sleep for a moment wakes up late where the processors are busy, or given to
// somebody else. For what an answer lost to that the registry is not to blame.
// It watches while requests are in flight.
type stalls struct {
	mu       sync.Mutex
	watching bool
	due      time.Time // when to wake up
	recent   []stall   // in the order of their ends
}

// stall is a time that passed without this program being run when it should have.
type stall struct {
	end  time.Time
	long time.Duration
}

const (
	watchEvery = 2 * time.Millisecond
	// noStall is how late it is on an idle machine.
	noStall = time.Millisecond
	// stallsKept bounds how many stalls are remembered: those of a fifth of a
	// second at least.
	stallsKept = 64
)

// watch starts to watch until busy says no.
func (s *stalls) watch(busy func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.watching {
		s.watching = true
		s.sleep(time.Now(), busy)
	}
}

func (s *stalls) sleep(now time.Time, busy func() bool) {
	s.due = now.Add(watchEvery)
	time.AfterFunc(watchEvery, func() { s.wake(busy) })
}

// wake notes how late it is, and sleeps again.
func (s *stalls) wake(busy func() bool) {
	goesOn, now := busy(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if late := now.Sub(s.due); late > noStall {
		s.note(now, late)
	}
	if s.watching = goesOn; goesOn {
		s.sleep(now, busy)
	}
}

func (s *stalls) note(end time.Time, long time.Duration) {
	if len(s.recent) == stallsKept {
		s.recent = append(s.recent[:0], s.recent[1:]...)
	}
	s.recent = append(s.recent, stall{end, long})
}

// since is the longest stall after start, also one that has not ended.
func (s *stalls) since(start, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	if s.watching {
		longest = max(0, min(now.Sub(s.due), now.Sub(start)))
	}
	for i := len(s.recent) - 1; i >= 0 && s.recent[i].end.After(start); i-- {
		longest = max(longest, min(s.recent[i].long, s.recent[i].end.Sub(start)))
	}
	return longest
}
