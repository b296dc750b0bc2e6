package policy

import (
	"fmt"

	"github.com/regkeep/regkeep/internal/oci"
)

// floor keeps the newest images where fewer would stay than the policy wants
// in every repository. Images that tie stay together; where an age is not
// known the image stays and counts for nothing.
func (e *evaluation) floor(decisions []Decision) {
	if e.set.Floor == 0 {
		return
	}
	staying, unknown := map[oci.Digest]bool{}, 0
	removed := false
	for i := range decisions {
		switch d := &decisions[i]; {
		case d.Verdict == Remove:
			removed = true
		case d.Root.Digest == "":
			unknown++
		case len(staying) <= e.set.Floor:
			staying[d.Root.Digest] = true
		}
	}
	lacking := e.set.Floor - len(staying) - unknown
	if !removed || lacking <= 0 {
		return
	}
	for _, i := range e.newestRemoved(decisions, lacking) {
		d := &decisions[i]
		d.Verdict = Keep
		d.Reasons = e.instead(d.Reasons, CodeFloor, map[string]any{"floor": e.set.Floor})
	}
}

// newestRemoved lists the removed roots of the newest n images of which
// nothing stays, with those that tie and those of unknown age.
func (e *evaluation) newestRemoved(decisions []Decision, n int) []int {
	type candidate struct {
		at    int64
		known bool
		roots []int
	}
	stays := map[oci.Digest]bool{}
	for i := range decisions {
		if decisions[i].Verdict != Remove {
			stays[decisions[i].Root.Digest] = true
		}
	}
	byDigest := map[oci.Digest]*candidate{}
	var all []*candidate
	for i := range decisions {
		digest := decisions[i].Root.Digest
		if decisions[i].Verdict != Remove || stays[digest] {
			continue
		}
		at, _, sure := e.age(i, fromLatest)
		c := byDigest[digest]
		if c == nil {
			c = &candidate{known: true}
			byDigest[digest] = c
			all = append(all, c)
		}
		c.at = max(c.at, at)
		c.known = c.known && sure == ageKnown
		c.roots = append(c.roots, i)
	}
	var times []int64
	for _, c := range all {
		if c.known {
			times = append(times, -c.at)
		}
	}
	last := int64(0)
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
