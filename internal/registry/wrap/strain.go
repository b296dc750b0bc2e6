package wrap

import (
	"net/http"
	"strings"
	"time"
)

// strain tells a registry that is asked more than it can answer from one that
// is at ease, by its latency. A queue at the registry holds up every request
// for as long as too much is asked; the noise of this machine and the network
// holds up some requests, or all for a moment. So a registry is strained when
// for a whole round trip, and no less than a moment, two of three answers took
// longer than they could. Where answers differ among themselves (spread) it is half
// of them, and longer than they do.
type strain struct {
	classes [classes]ease

	since       time.Time     // when the first of the slow answers came; zero: none to count from
	slow, quick int           // answers since then, without the first
	waited      time.Duration // for these
	answers     int           // since then, also those that cannot be compared
	last        time.Time     // when the last answer came
	after       time.Time     // what was sent before tells nothing

	stretch float64 // how many times as long as they could answers take of late
	lately  float64 // the part of them that was late of late

	tolerance float64 // how many times slower than elsewhere an answer is still quick
	tolerated time.Time
}

const (
	// aMoment is how long this machine's scheduler and garbage collector, and a
	// queue that empties, hold up answers.
	aMoment = 25 * time.Millisecond
	// crowd is how many requests in flight make it as long again: they
	// compete for this machine, too.
	crowd = 16
	// slack, and no more than an eighth of the latency, keeps noise from looking
	// like strain, and what is answered within quickEnough is no strain.
	slack       = time.Millisecond
	quickEnough = 4 * time.Millisecond
	// A registry that answers busyRate a second keeps the processors busy, often
	// its client's too: then an answer waits for them, and is quick within
	// quickWhenBusy. That much holds for as many a second as there are.
	busyRate      = 600.0
	quickWhenBusy = 12 * time.Millisecond
	// enough is the least number of answers that tell anything: some that take
	// long come one after the other wherever answers take their time.
	enough = 16
	// ofLate is how many answers tell how long they take of late, and lateOf how
	// many of them are late; mostlyLate is a part of these.
	ofLate, lateOf = 8, 16
	mostlyLate     = 0.5
	// beyondUsual is how many times as long as usual an answer takes that is late.
	beyondUsual = 4.0 / 3
)

// A registry that stays slow when hardly anything is asked is not slow because
// of what is asked. That much slower it may be, and for that long, until it is
// judged again as it was.
const (
	mostTolerance = 8
	toleratedFor  = 10 * time.Second
)

func newStrain() strain { return strain{stretch: 1, tolerance: 1} }

// tolerate judges more kindly, and nothing by a guess.
func (s *strain) tolerate(now time.Time) {
	s.tolerance, s.tolerated = min(mostTolerance, 2*s.tolerance), now
	for i := range s.classes {
		if e := &s.classes[i]; e.guessed {
			e.before, e.guessed = e.least, false
		}
	}
}

// late says whether an answer took clearly longer than it could while so many
// were in flight; known is false for answers that cannot be compared with
// others.
func (s *strain) late(kind class, inFlight int, start, now time.Time) (late, known bool) {
	if kind == incomparable {
		return false, false
	}
	if s.tolerance > 1 && now.Sub(s.tolerated) > toleratedFor {
		s.tolerance, s.tolerated = s.tolerance/2, now
	}
	took := now.Sub(start)
	could := s.ease(kind, took, now)
	s.classes[kind].spread.answered(took, inFlight, start, now)
	quick := s.tolerance * float64(max(quickFor(inFlight, took, could), slowFor(could)))
	return float64(took) > max(quick, beyondUsual*float64(s.usual(kind))), true
}

// usual is how long answers of a kind take because they differ; 0: they do not.
func (s *strain) usual(kind class) time.Duration { return s.classes[kind].spread.longest() }

// ease is how long one more answer of this kind could have taken.
func (s *strain) ease(kind class, took time.Duration, now time.Time) time.Duration {
	e := &s.classes[kind]
	if e.span.IsZero() {
		guess := s.guess(took)
		e.before, e.least, e.span, e.guessed = guess, took, now, guess < took
		return guess
	}
	could := e.could(took, now)
	s.stretch += (float64(took)/float64(max(1, could)) - s.stretch) / ofLate
	return could
}

// guess is how long the first answer of a kind could have taken. Where others
// take longer than they could, so does this one: what is asked for the first
// time of a registry that is strained already, such as configs, does not show
// its ease. It is not less than what another kind takes.
func (s *strain) guess(took time.Duration) time.Duration {
	least := took
	for i := range s.classes {
		if e := &s.classes[i]; !e.span.IsZero() {
			least = min(least, e.before, e.least)
		}
	}
	return max(least, time.Duration(float64(took)/max(1, s.stretch)))
}

// slowFor is how long answers that are all alike take before one is slow.
func slowFor(could time.Duration) time.Duration { return could + could/2 + min(slack, could/8) }

// quickFor is how long an answer may take without being late, whatever others
// took: when so many in flight take that long, that many are answered a second.
// What could be answered in milliseconds may not take three times as long.
func quickFor(inFlight int, took, could time.Duration) time.Duration {
	busy := float64(inFlight) / took.Seconds() / busyRate
	quick := min(quickWhenBusy, time.Duration(busy*float64(quickWhenBusy)))
	if could >= quickEnough/2 {
		quick = min(quick, 2*could)
	}
	return max(quickEnough, quick)
}

// answered takes in one answer; what was sent before cut tells nothing new.
// Where it says that the registry is strained, rate is how many it answers a
// second like that.
func (s *strain) answered(late bool, inFlight int, start, now, cut time.Time) (rate float64, strained bool) {
	part := 0.0
	if late {
		part = 1
	}
	s.lately += (part - s.lately) / lateOf
	if s.silence(now); start.Before(cut) || start.Before(s.after) {
		return 0, false
	}
	if s.since.IsZero() {
		if late {
			s.since = now
		}
		return 0, false
	}
	s.waited += now.Sub(start)
	if late {
		s.slow++
	} else if s.quick++; s.quick > s.slow {
		s.forget()
		return 0, false
	}
	lasted := now.Sub(s.since)
	if lasted < aMoment+aMoment*time.Duration(inFlight)/crowd || s.slow < enough || s.slow < s.mostly()*s.quick || start.Before(s.since) {
		return 0, false
	}
	return float64(s.answers) / lasted.Seconds(), true
}

// mostly is how many times as many answers are slow as are quick where a registry
// is strained: where they differ, some are quick whatever happens.
func (s *strain) mostly() int {
	if s.varies() {
		return 1
	}
	return 2
}

// silence begins anew where nothing at all was answered for longer than one
// answer takes, but much before: what is asked too much goes on answering, so
// something stood still.
func (s *strain) silence(now time.Time) {
	silent := now.Sub(s.last)
	if known := s.slow + s.quick; known > 0 && silent > aMoment+3*s.took()/2 && silent > 8*s.last.Sub(s.since)/time.Duration(known) {
		s.forget()
		s.after = now
	}
	s.last = now
}

// room is the time for which requests at a pace need places. A registry that
// answers in microseconds gets more than that: with too few places a pace cannot
// be used up, so it would never be raised again. Zero where nothing is known.
func (s *strain) room() time.Duration {
	could := s.could()
	if could == 0 {
		return 0
	}
	for kind := range classes {
		could = max(could, s.usual(kind))
	}
	return max(quickEnough, could)
}

// varies says whether answers differ so much that some are quick whatever happens.
func (s *strain) varies() bool {
	for kind := range classes {
		if s.usual(kind) > 0 {
			return true
		}
	}
	return false
}

// calm: nothing points at strain. Where answers differ, one that is quick does
// not say that all is well.
func (s *strain) calm() bool { return s.since.IsZero() && !s.mostlyLate() }

// mostlyLate says whether half of the answers were late of late, where answers
// differ so much that the others tell nothing.
func (s *strain) mostlyLate() bool { return s.lately > mostlyLate && s.varies() }

// forget begins anew: what follows is judged on its own.
func (s *strain) forget() {
	s.since, s.slow, s.quick, s.waited, s.answers = time.Time{}, 0, 0, 0, 0
}

// look begins a look.
func (s *strain) look() {
	for i := range s.classes {
		s.classes[i].spread.look()
	}
}

// looked begins anew after a look has shown how long answers take with hardly
// anything else going on, or at most so long, where there was no pause between
// requests. Those of a kind that was not asked for take as many times as long as
// they could as the others. differ says that some were quick and others slow.
func (s *strain) looked(paused, differ bool) {
	s.forget()
	var seen [classes]time.Duration
	stretch := 0.0
	for i := range s.classes {
		e := &s.classes[i]
		if seen[i] = e.spread.seen(); seen[i] > 0 {
			stretch = max(stretch, float64(seen[i])/float64(e.quickest()))
		}
	}
	for i := range s.classes {
		e := &s.classes[i]
		if seen[i] == 0 {
			seen[i] = time.Duration(stretch * float64(e.quickest()))
		}
		if seen[i] > 0 {
			e.spread.varies = e.spread.varies || differ && seen[i] > slowFor(e.quickest())
			e.spread.learn(seen[i], paused || differ)
		}
	}
}

// took is how long an answer took since the registry has been slow.
func (s *strain) took() time.Duration { return s.waited / time.Duration(max(1, s.slow+s.quick)) }

// could is the longest time that any kind of request takes at ease.
func (s *strain) could() time.Duration {
	var longest time.Duration
	for i := range s.classes {
		longest = max(longest, s.classes[i].quickest())
	}
	return longest
}

// ease is the least time that one kind of request took in this span of time
// and in the one before, which is guessed in the first span.
type ease struct {
	before, least time.Duration
	span          time.Time // its beginning; zero: nothing was answered yet
	guessed       bool
	spread        spread
}

// easeSpan is longer than a pace is held, so that the registry was at ease
// in it.
const easeSpan = 3 * mostHold

// could takes one more answer in and says how quick it could have been.
func (e *ease) could(took time.Duration, now time.Time) time.Duration {
	if now.Sub(e.span) > easeSpan {
		e.before, e.least, e.span, e.guessed = e.least, took, now, false
	}
	e.least = min(e.least, took)
	return e.quickest()
}

// quickest is the least of both spans.
func (e *ease) quickest() time.Duration { return min(e.before, e.least) }

// class is a kind of request whose latencies can be compared.
type class uint8

const (
	incomparable class = iota
	getManifest
	headManifest
	getBlob
	headBlob
	classes // how many there are
)

func classOf(req *http.Request) class {
	var manifest, blob class
	switch req.Method {
	case http.MethodGet:
		manifest, blob = getManifest, getBlob
	case http.MethodHead:
		manifest, blob = headManifest, headBlob
	default:
		return incomparable
	}
	switch path := req.URL.Path; {
	case strings.Contains(path, "/manifests/"):
		return manifest
	case strings.Contains(path, "/blobs/sha"):
		return blob
	}
	return incomparable
}
