package plan

import (
	"cmp"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

// order lists the doomed so that nothing goes before what lists it or what it
// hangs on: indexes, then images, then children, then attachments, each by
// digest. Attachment tags can tie manifests into a ring; a ring is cut at its
// first in that order.
func (g *graph) order() []node {
	rest := g.doomed()
	slices.SortStableFunc(rest, func(a, b node) int { return cmp.Compare(g.rank(a), g.rank(b)) })
	place := make([]int32, len(g.all)) // in rest
	waits := make([]int32, len(rest))  // how many that must go first are still there
	ready := &places{}
	for i, at := range rest {
		place[at] = int32(i)
		for _, first := range [][]node{g.parents.of(at), g.subjects.of(at)} {
			for _, before := range first {
				if g.all[before].doomed && before != at {
					waits[i]++
				}
			}
		}
		if waits[i] == 0 {
			ready.push(i)
		}
	}
	order := make([]node, 0, len(rest))
	gone := make([]bool, len(rest))
	for cut := 0; len(order) < len(rest); {
		i, ok := ready.pop()
		for !ok && gone[cut] {
			cut++
		}
		if !ok {
			i = cut
		}
		if gone[i] {
			continue
		}
		gone[i] = true
		order = append(order, rest[i])
		for _, last := range [][]node{g.children.of(rest[i]), g.attachments.of(rest[i])} {
			for _, after := range last {
				if !g.all[after].doomed || after == rest[i] {
					continue
				}
				if waits[place[after]]--; waits[place[after]] == 0 {
					ready.push(int(place[after]))
				}
			}
		}
	}
	return order
}

// rank says how early a doomed manifest goes where nothing else decides.
func (g *graph) rank(at node) int {
	index := g.all[at].manifest.Kind == oci.KindIndex
	switch why := g.why(at); {
	case why == whyRoot && len(g.subjects.of(at)) == 0 && index:
		return 0
	case why == whyRoot && len(g.subjects.of(at)) == 0:
		return 1
	case why == whyChild && index:
		return 2
	case why == whyChild:
		return 3
	default:
		return 4
	}
}
