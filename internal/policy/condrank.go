package policy

import (
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/policy/calendar"
)

// rankTest is newest and beyond.
type rankTest struct {
	beyond bool
	n      int
	slot   int
	spec   rankSpec
}

func (t *rankTest) ranks() {}

func (t *rankTest) where(e *evaluation, i int) (placing, *group) {
	p := e.places[t.slot][i]
	return p, &e.groups[e.claims[i]][t.slot][p.group]
}

// among says whether a root is among the newest n of its ranking.
func (t *rankTest) among(e *evaluation, i int) Truth {
	p, g := t.where(e, i)
	switch {
	case int(g.roots) <= t.n:
		return True
	case p.rank == 0:
		return Unknown
	case int(p.rank) > t.n:
		return False
	case e.doubting && int(p.rank+g.open) > t.n:
		return Unknown
	}
	return True
}

func (t *rankTest) truth(e *evaluation, i int) Truth {
	if t.beyond {
		return True - t.among(e, i)
	}
	return t.among(e, i)
}

func (t *rankTest) missing(e *evaluation, i int) string { return e.missingOrder(t.spec, i) }

// missingOrder says why a root has no place in an order.
func (e *evaluation) missingOrder(spec rankSpec, i int) string {
	switch {
	case !e.steady(i):
		return unread(e, i)
	case spec.by == byPulled:
		return factPull
	case spec.by < byPulled:
		return factAge
	}
	return factOrder
}

func (t *rankTest) facts(e *evaluation, i int) map[string]any {
	p, g := t.where(e, i)
	facts := map[string]any{"limit": t.n, "of": int(g.placed)}
	if g.name != "" {
		facts["group"] = g.name
	}
	if !t.beyond && p.rank > 0 {
		facts["rank"] = int(p.rank)
	}
	return facts
}

// group: all that are beyond the limit share their facts, as do all of a group
// that is too small for a limit.
func (t *rankTest) group(e *evaluation, i int) int32 {
	p := e.places[t.slot][i]
	if t.beyond || p.rank == 0 {
		return p.group
	}
	return -1
}

func (t *rankTest) codeFor(e *evaluation, i int) Code {
	p, _ := t.where(e, i)
	if !t.beyond && int(p.rank) <= t.n && int(p.last) > t.n {
		return CodeTie
	}
	return t.code()
}

func (t *rankTest) explain(e *evaluation, i int) account {
	p, g := t.where(e, i)
	return account{fact: e.describeOrder(i, t.spec), rank: describeRank(p, g, t.spec), rests: t.spec.ordered(e.rule(i).ageFrom)}
}

// describeOrder says what the place of a root in an order rests on.
func (e *evaluation) describeOrder(i int, spec rankSpec) string {
	tag := e.roots[i].Name()
	switch spec.by {
	case byCreated:
		at, from, sure := e.age(i, FromCreated)
		return e.describeTime(i, at, from, sure)
	case byPushed:
		at, from, sure := e.age(i, FromPushed)
		return e.describeTime(i, at, from, sure)
	case byPulled:
		if last, known := e.used(i); known {
			return "last pulled or pushed " + instant(last)
		}
		return "when it was pulled last is not known"
	case bySemver:
		if version, ok := e.version(e.rule(i), i); ok {
			return "the version is " + version.String()
		}
		return "the tag is no version"
	case byName:
		return "the tag is " + tag
	case byCaptured:
		if value, _ := e.rule(i).tags.Capture(tag, spec.group); value != "" {
			return spec.group + " is " + value
		}
		return "the tag has no " + spec.group
	}
	return e.describeAge(i)
}

// describeRank is "7th newest of 12 in feature/x".
func describeRank(p placing, g *group, spec rankSpec) string {
	what := fmt.Sprintf("of %d", g.placed)
	if g.unsure > 0 {
		what += fmt.Sprintf(" (and %d whose order is unknown)", g.unsure)
	}
	if g.name != "" {
		what += " in " + g.name
	}
	if p.rank == 0 {
		return "no known place " + what
	}
	if p.last > p.rank {
		what += ", tied"
	}
	return fmt.Sprintf("%s newest %s", ordinal(int(p.rank)), what)
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

func (t *rankTest) code() Code {
	if t.beyond {
		return CodeBeyond
	}
	return CodeNewest
}

func (t *rankTest) needs() need { return t.spec.needs() }

func (t *rankTest) String() string {
	return fmt.Sprintf("%s: %d%s", cond(t.beyond, "beyond", "newest"), t.n, t.spec)
}

// mark is a truth that was worked out for all roots together.
type mark uint8

const (
	markFalse mark = iota
	markUnknown
	markTrue
	markTie  // true, with others as new
	markOpen // true, unless a missing fact gives others a newer place
)

func (m mark) truth() Truth { return min(Truth(m), True) }

// calendarTest is hourly to yearly.
type calendarTest struct {
	period calendar.Period
	name   string
	n      int
	slot   int
	marks  int
	spec   rankSpec
	key    Code
}

func (t *calendarTest) ranks() {}

// mark walks each group from its newest image and keeps the first of each
// period until n periods have one.
func (t *calendarTest) mark(e *evaluation, r *rule, claimed []int32, rankings []ranking, marks []mark) {
	rk := &rankings[t.slot]
	kept := make([]mark, rk.size)
	for i := range kept {
		kept[i] = markUnknown
	}
	var periods map[calendar.Key]int64 // the newest instant of each
	for at, u := range rk.units {
		if at == 0 || rk.units[at-1].group != u.group {
			periods = map[calendar.Key]int64{}
		}
		period := t.period.Of(time.Unix(0, u.key), e.set.zone)
		if u.key == oldest {
			period = calendar.Key{}
		}
		newest, there := periods[period]
		switch {
		case !there && len(periods) < t.n:
			periods[period] = u.key
			kept[u.id] = markTrue
		case there && newest == u.key:
			kept[u.id] = markTie
		default:
			kept[u.id] = markFalse
		}
	}
	for c, i := range claimed {
		marks[i] = kept[rk.unitOf[c]]
	}
}

func (t *calendarTest) truth(e *evaluation, i int) Truth {
	value := e.marks[t.marks][i].truth()
	if value == True && e.doubting && e.groups[e.claims[i]][t.slot][e.places[t.slot][i].group].open > 0 {
		return Unknown
	}
	return value
}

func (t *calendarTest) missing(e *evaluation, i int) string { return e.missingOrder(t.spec, i) }

func (t *calendarTest) facts(e *evaluation, i int) map[string]any {
	facts := map[string]any{"limit": t.n, "timezone": e.set.zone.String()}
	if g := e.groups[e.claims[i]][t.slot][e.places[t.slot][i].group]; g.name != "" {
		facts["group"] = g.name
	}
	return facts
}

func (t *calendarTest) individual() {}

func (t *calendarTest) codeFor(e *evaluation, i int) Code {
	if e.marks[t.marks][i] == markTie {
		return CodeTie
	}
	return t.key
}

func (t *calendarTest) explain(e *evaluation, i int) account {
	p := e.places[t.slot][i]
	g := &e.groups[e.claims[i]][t.slot][p.group]
	return account{fact: e.describeOrder(i, t.spec) + " in " + e.set.zone.String(), rank: describeRank(p, g, t.spec), rests: t.spec.ordered(e.rule(i).ageFrom)}
}

func (t *calendarTest) code() Code  { return t.key }
func (t *calendarTest) needs() need { return t.spec.needs() }
func (t *calendarTest) String() string {
	return fmt.Sprintf("%s: %d%s", t.name, t.n, t.spec)
}
