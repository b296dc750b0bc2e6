package plan

import (
	"iter"
	"slices"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
)

// fate finds what survives and what is doomed. removeOrphan says which orphans
// may go.
func (g *graph) fate(removeOrphan func(node) bool) {
	g.findStuck()
	for i := range g.repo.Tags {
		tag := &g.repo.Tags[i]
		if _, attached := g.repo.AttachmentOf(tag); !attached && (g.verdict(i) != policy.Remove || tag.Problem != "") {
			g.survive(g.nodes[i])
		}
	}
	for _, at := range g.kept {
		g.survive(at)
	}
	for at := range g.stuck {
		g.survive(at)
	}
	var seeds []node
	for i := range g.all {
		at, subjects := node(i), g.subjects.of(node(i))
		if len(subjects) == 0 || slices.ContainsFunc(subjects, g.exists) {
			continue
		}
		g.all[at].orphan = true
		if removeOrphan(at) {
			seeds = append(seeds, at)
		} else {
			g.survive(at)
		}
	}
	for i := range g.all {
		if g.all[i].removed {
			seeds = append(seeds, node(i))
		}
	}
	for _, at := range seeds {
		g.doom(at)
	}
	// What no removed root leads to stays, and so does what it leads to:
	// manifests that nobody decided about, attachments that hang on each other.
	for i := range g.all {
		if v := &g.all[i]; v.manifest != nil && !v.doomed && !v.manifest.Missing {
			g.survive(node(i))
		}
	}
}

// findStuck marks what could not be read, and everything that lists it.
func (g *graph) findStuck() {
	var mark func(at, origin node)
	mark = func(at, origin node) {
		if known, marked := g.stuck[at]; marked && known <= origin {
			return
		}
		g.stuck[at] = origin
		for _, parent := range g.parents.of(at) {
			mark(parent, origin)
		}
	}
	for i := range g.all {
		v := &g.all[i]
		switch m := v.manifest; {
		case m == nil && !g.components && (v.removed || len(g.parents.of(node(i))) > 0),
			m != nil && m.Problem != "",
			m != nil && !m.Read && !m.Missing && !g.components:
			mark(node(i), node(i))
		}
	}
}

// survive marks a manifest and everything that must stay with it.
func (g *graph) survive(top node) {
	if top == nowhere || g.all[top].survives {
		return
	}
	stack := []node{}
	stay := func(at node) {
		if v := &g.all[at]; !v.survives {
			v.survives, v.doomed = true, false
			stack = append(stack, at)
		}
	}
	for stay(top); len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, below := range [][]node{g.children.of(at), g.mentions.of(at), g.attachments.of(at)} {
			for _, one := range below {
				stay(one)
			}
		}
	}
}

// doom marks what goes with a removed root. It comes after every survivor is
// marked.
func (g *graph) doom(top node) {
	for stack := []node{top}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		v := &g.all[at]
		if v.survives || v.doomed || v.manifest == nil || v.manifest.Missing {
			continue
		}
		v.doomed = true
		stack = append(append(stack, g.children.of(at)...), g.attachments.of(at)...)
	}
}

// doomed are the numbers of what goes, in their order.
func (g *graph) doomed() []node {
	var doomed []node
	for i := range g.all {
		if g.all[i].doomed {
			doomed = append(doomed, node(i))
		}
	}
	return doomed
}

// spare has nothing become of the doomed of which spared says so; what they lead
// to is not spared with them.
func (g *graph) spare(spared func(node) bool) {
	for i := range g.all {
		if g.all[i].doomed && spared(node(i)) {
			g.all[i].doomed = false
		}
	}
}

// manifests are those that are doomed, or those that are not.
func (g *graph) manifests(doomed bool) iter.Seq[*inventory.Manifest] {
	return func(yield func(*inventory.Manifest) bool) {
		for i := range g.all {
			if v := &g.all[i]; v.manifest != nil && v.doomed == doomed && !yield(v.manifest) {
				return
			}
		}
	}
}

func (g *graph) count(is func(*vertex) bool) int {
	n := 0
	for i := range g.all {
		if is(&g.all[i]) {
			n++
		}
	}
	return n
}
