package wrap

import (
	"slices"
	"time"
)

// spread is how long answers of one kind take where they differ among
// themselves: a registry that has some things at hand and must fetch others, or a
// network that loses packets, answers one at once and the next after ten times as
// long, however little it is asked. Such answers overtake each other, and those
// that wait for their turn hardly ever do. That tells the one from the other.
type spread struct {
	sent      time.Time       // when the last of those was sent that were answered
	skip      int             // answers until the next one is looked at
	size      int             // of the block
	block     []time.Duration // what answers took
	overtaken int             // of these, how many were sent clearly before one that came sooner
	alone     int             // of these, how many hardly any other could overtake

	span   time.Time     // the beginning of this span of time
	usual  time.Duration // four of five answers took no longer, in the quickest blocks of this span; 0: not known
	before time.Duration // and of the span before
	of     int           // size of the block that usual is from
	varies bool          // answers overtook each other then

	eased []time.Duration // what answers took during a look
}

const (
	// firstBlock and lastBlock are how many answers are looked at together: few at
	// first, to know something soon.
	firstBlock, lastBlock = 16, 64
	// rounds is for how many times as many answers as are in flight a block stands.
	rounds = 2
	// someOvertake is the part of a block from which on its answers differ among
	// themselves, and clearly the part of an answer's time by which it is overtaken.
	someOvertake, clearly = 4, 8
	// fewOvertake is how many are too few in flight for that to tell anything.
	fewOvertake = 4
)

// answered takes in one answer.
func (s *spread) answered(took time.Duration, inFlight int, start, now time.Time) {
	overtaken := start.Add(took / clearly).Before(s.sent)
	if start.After(s.sent) {
		s.sent = start
	}
	if s.skip--; s.skip > 0 {
		return
	}
	s.skip = rounds * inFlight / lastBlock
	if overtaken {
		s.overtaken++
	}
	if inFlight < fewOvertake {
		s.alone++
	}
	if s.size == 0 {
		s.size, s.span = firstBlock, now
	}
	if s.block = append(s.block, took); len(s.block) == s.size {
		s.settle(now)
	}
}

// settle says what a block has shown.
func (s *spread) settle(now time.Time) {
	usual, varies := most(s.block), s.overtaken*someOvertake >= len(s.block)
	if 2*s.alone > len(s.block) {
		varies = s.varies
	}
	s.block, s.overtaken, s.alone = s.block[:0], 0, 0
	if now.Sub(s.span) > easeSpan {
		s.before, s.usual, s.span = s.usual, 0, now
	}
	quicker, slower := 3*usual < 2*s.usual, 2*usual > 3*s.usual // clearly
	hasty := s.of == firstBlock && varies && !s.varies          // the quick ones come first
	switch {
	case s.usual == 0, quicker, hasty, !slower && s.size > s.of:
		s.usual, s.of, s.varies = usual, s.size, varies
	case usual < s.usual: // the quickest of many is quick by chance, too
		s.usual, s.varies = (s.usual+usual)/2, varies
	case !slower:
		s.varies = varies
	}
	s.size = min(lastBlock, 2*s.size)
}

// look begins a look.
func (s *spread) look() { s.eased = s.eased[:0] }

// atEase is told how long an answer took during a look.
func (s *spread) atEase(took time.Duration) { s.eased = append(s.eased, took) }

// seen is how long answers took at most of the time during the look; 0: there
// were none.
func (s *spread) seen() time.Duration {
	if len(s.eased) == 0 {
		return 0
	}
	return most(s.eased)
}

// learn says how long a few answers took in a look, and whether no more can be
// usual. A little quicker a few of them are by chance.
func (s *spread) learn(usual time.Duration, exactly bool) {
	if 2*usual < s.usual || exactly && s.varies && usual > s.usual {
		s.usual, s.before, s.of = usual, 0, 0
	}
}

// most is what four of five took no longer than. It sorts them.
func most(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*4/5]
}

// longest is how long answers take at most of the time, because they differ; 0:
// they do not, or nobody knows.
func (s *spread) longest() time.Duration {
	switch {
	case !s.varies:
		return 0
	case s.before > 0:
		return min(s.before, s.usual)
	}
	return s.usual
}
