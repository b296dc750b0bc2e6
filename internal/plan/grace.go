package plan

import (
	"fmt"
	"slices"
	"time"
)

// firstTrusted: nothing in a registry is older than Docker, so earlier stamps
// are those of reproducible builds and say nothing.
var firstTrusted = time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)

const mostFuture = 24 * time.Hour

func trusted(t, now time.Time) bool {
	return !t.IsZero() && !t.Before(firstTrusted) && !t.After(now.Add(mostFuture))
}

// protectFresh lets survive what may belong to a push in flight: untagged
// manifests and children that were pushed less than grace ago, or of which
// nobody can say when. It returns how many there are of each.
func (g *graph) protectFresh(grace time.Duration, now time.Time) (fresh, undated int) {
	if grace <= 0 {
		return 0, 0
	}
	var stay []node
	for _, at := range g.doomed() {
		if why := g.why(at); why == whyAttachment || why == whyRoot && len(g.tags.of(at)) > 0 {
			continue
		}
		pushed, known := g.arrived(at, now)
		switch {
		case !known:
			undated++
		case now.Sub(pushed) < grace:
			fresh++
		default:
			continue
		}
		stay = append(stay, at)
	}
	for _, at := range stay {
		g.survive(at)
	}
	return fresh, undated
}

// arrived is when a manifest was pushed: as the registry recorded it, else the
// latest build time of an index that lists it, else, where none does, its own.
func (g *graph) arrived(at node, now time.Time) (pushed time.Time, known bool) {
	m := g.all[at].manifest
	if trusted(m.Pushed, now) {
		return m.Pushed, true
	}
	built := []time.Time{m.Created}
	if parents := g.parents.of(at); len(parents) > 0 {
		built = built[:0]
		for _, parent := range parents {
			built = append(built, g.all[parent].manifest.Created)
		}
	}
	for _, t := range built {
		if trusted(t, now) && t.After(pushed) {
			pushed, known = t, true
		}
	}
	return pushed, known
}

// orphanMayGo says whether an attachment that hangs on nothing may be removed:
// the registry was asked for its subject, and it is not of a push in flight.
func (g *graph) orphanMayGo(at node, grace time.Duration, now time.Time) bool {
	m := g.all[at].manifest
	if m == nil || trusted(m.Pushed, now) && now.Sub(m.Pushed) < grace {
		return false
	}
	return !slices.ContainsFunc(g.subjects.of(at), func(subject node) bool {
		s := g.all[subject].manifest
		return s == nil || !s.Missing
	})
}

func (p *part) warnFresh(fresh, undated int) {
	if fresh > 0 {
		p.notice("warning", "grace", fmt.Sprintf("%d manifests that nothing else would keep stay for now: they were pushed so recently that a push may still be under way", fresh), "grace")
	}
	if undated > 0 {
		p.notice("warning", "grace-unknown", fmt.Sprintf("%d manifests that nothing else would keep stay: nobody can say when they were pushed, so a push may be under way", undated), "grace")
	}
}
