package policy

import (
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

// floor keeps the newest images where fewer would certainly stay than the
// policy wants in every repository. What is held counts among those that might
// go, so that an image is not removed on the strength of one that a missing
// fact alone keeps, and so does what only a place among the newest keeps that a
// missing fact could take from it; what may be no image at all does not count.
// Images that tie stay together; where an age is not known the image stays and
// counts for nothing.
func (e *evaluation) floor(decisions []Decision) {
	if e.set.Floor == 0 || !slices.ContainsFunc(decisions, func(d Decision) bool { return d.Verdict == Remove }) {
		return
	}
	staying := map[oci.Digest]bool{}
	for i := range decisions {
		if decisions[i].Verdict == Keep && e.steady(i) && e.stays(i) {
			staying[decisions[i].Root.Digest] = true
		}
		if len(staying) >= e.set.Floor {
			return
		}
	}
	for _, i := range e.newestOf(decisions, staying, e.set.Floor-len(staying)) {
		if d := &decisions[i]; d.Verdict == Remove {
			d.Verdict = Keep
			d.Reasons = e.instead(d.Reasons, CodeFloor, map[string]any{"floor": e.set.Floor})
		}
	}
}

// stays says whether a root that is kept would be whatever the facts turn out to
// be that are missing: a place among the newest is lost where an image whose
// order is not known is newer.
func (e *evaluation) stays(i int) bool {
	r := e.rule(i)
	if r == nil || e.isNamed(i) {
		return true
	}
	e.doubting = true
	defer func() { e.doubting = false }()
	for _, items := range [][]*item{e.p.protect, r.keep} {
		if holds, _ := e.first(items, i); holds != nil {
			return true
		}
	}
	due, doubt := e.first(r.remove, i)
	return due == nil && doubt == nil || e.builtinLatest(i)
}

// newestOf lists the roots of the newest n images of which nothing certainly
// stays, with those that tie and those that have no place: of unknown age, or
// perhaps no image at all.
func (e *evaluation) newestOf(decisions []Decision, staying map[oci.Digest]bool, n int) []int {
	type candidate struct {
		at    int64
		known bool
		roots []int
	}
	byDigest := map[oci.Digest]*candidate{}
	var all []*candidate
	for i := range decisions {
		digest := decisions[i].Root.Digest
		if staying[digest] {
			continue
		}
		at, _, sure := e.age(i, FromLatest)
		c := byDigest[digest]
		if c == nil {
			c = &candidate{known: true}
			byDigest[digest] = c
			all = append(all, c)
		}
		c.at = max(c.at, at)
		c.known = c.known && sure == ageKnown && e.steady(i)
		c.roots = append(c.roots, i)
	}
	var times []int64
	for _, c := range all {
		if c.known {
			times = append(times, -c.at)
		}
	}
	last := noTime
	if len(times) > 0 {
		last = -selectNth(times, min(n, len(times))-1)
	}
	var roots []int
	for _, c := range all {
		if !c.known || c.at >= last {
			roots = append(roots, c.roots...)
		}
	}
	return roots
}

// refusals are the limits of the policy that the repository would break.
func (e *evaluation) refusals(decisions []Decision) []Warning {
	limit := e.set.MaxRemovals
	if !limit.Set {
		return nil
	}
	removals := 0
	for i := range decisions {
		if decisions[i].Verdict == Remove {
			removals++
		}
	}
	if removals <= limit.N {
		return nil
	}
	return []Warning{{
		Code: "max-removals", Scope: e.repo.Name, Lift: "max_removals",
		Message: fmt.Sprintf("%d roots would go and the policy allows %d", removals, limit.N),
	}}
}
