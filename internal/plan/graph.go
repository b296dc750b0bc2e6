package plan

import (
	"cmp"
	"slices"
	"sort"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// graph says what becomes of every manifest of a repository when the removed
// roots go (what survives, and what is doomed).
type graph struct {
	repo *inventory.Repository
	// components: the registry removes tags as components and clears manifests
	// away by itself, so a manifest need not have been read.
	components bool

	verdicts []tagVerdict        // of each tag
	removed  map[oci.Digest]bool // manifests that a removed root points at
	kept     []oci.Digest        // untagged roots that stay
	tagged   []int32             // tags with a digest, by digest and name

	parents     map[oci.Digest][]oci.Digest // who lists it
	attachments map[oci.Digest][]oci.Digest // what hangs on it
	subjects    map[oci.Digest][]oci.Digest // what it hangs on

	quarantined map[oci.Digest]duration.Duration // what goes into quarantine, and how long

	orphans  map[oci.Digest]bool       // attachments whose subject is not there
	stuck    map[oci.Digest]oci.Digest // what leads to something that could not be read, and to what
	survives map[oci.Digest]bool
	doomed   map[oci.Digest]bool
}

func newGraph(repo *inventory.Repository, report *policy.Report, components bool) *graph {
	g := &graph{
		repo: repo, components: components,
		verdicts: make([]tagVerdict, len(repo.Tags)), removed: map[oci.Digest]bool{},
		parents: map[oci.Digest][]oci.Digest{}, attachments: map[oci.Digest][]oci.Digest{}, subjects: map[oci.Digest][]oci.Digest{},
		quarantined: map[oci.Digest]duration.Duration{},
		orphans:     map[oci.Digest]bool{}, stuck: map[oci.Digest]oci.Digest{},
		survives: map[oci.Digest]bool{}, doomed: map[oci.Digest]bool{},
	}
	for i := range report.Decisions {
		d := &report.Decisions[i]
		if i, found := placeOf(repo, d.Root.Name()); d.Root.Tag != nil && found {
			g.verdicts[i] = tagVerdict{decided: true, verdict: d.Verdict}
		}
		switch {
		case d.Verdict == policy.Remove && d.Root.Digest != "":
			g.removed[d.Root.Digest] = true
		case d.Root.Tag == nil:
			g.kept = append(g.kept, d.Root.Digest)
		}
	}
	g.link()
	for i := range report.Decisions {
		if d := &report.Decisions[i]; d.Verdict == policy.Remove && d.Quarantine != nil {
			g.quarantine(d.Root.Digest, *d.Quarantine)
		}
	}
	return g
}

// quarantine marks a manifest with what is below and attached to it. Where
// several rules say how long, the longest holds.
func (g *graph) quarantine(top oci.Digest, long duration.Duration) {
	for stack := []oci.Digest{top}; len(stack) > 0; {
		digest := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if known, marked := g.quarantined[digest]; marked && known.Rough() >= long.Rough() {
			continue
		}
		g.quarantined[digest] = long
		if m := g.repo.Manifests[digest]; m != nil {
			for _, child := range m.Children {
				stack = append(stack, child.Digest)
			}
		}
		stack = append(stack, g.attachments[digest]...)
	}
}

// link collects the edges, each list sorted.
func (g *graph) link() {
	attach := func(attachment, subject oci.Digest) {
		if attachment != "" && subject != "" {
			g.attachments[subject] = append(g.attachments[subject], attachment)
			g.subjects[attachment] = append(g.subjects[attachment], subject)
		}
	}
	for i := range g.repo.Tags {
		tag := &g.repo.Tags[i]
		if tag.Digest != "" {
			g.tagged = append(g.tagged, int32(i))
		}
		if subject, _, ok := oci.ParseAttachmentTag(tag.Name); ok {
			attach(tag.Digest, subject)
		}
	}
	slices.SortFunc(g.tagged, func(a, b int32) int {
		return cmp.Or(cmp.Compare(g.repo.Tags[a].Digest, g.repo.Tags[b].Digest), cmp.Compare(a, b))
	})
	for digest, m := range g.repo.Manifests {
		attach(digest, m.Subject)
		for _, child := range m.Children {
			g.parents[child.Digest] = append(g.parents[child.Digest], digest)
		}
	}
	for _, edges := range []map[oci.Digest][]oci.Digest{g.parents, g.attachments, g.subjects} {
		for digest, ends := range edges {
			slices.Sort(ends)
			edges[digest] = slices.Compact(ends)
		}
	}
}

// root says whether a tag is one that the policy decided about, and how.
func (g *graph) root(tag *inventory.Tag) (policy.Verdict, bool) {
	if _, attached := g.repo.AttachmentOf(tag); attached {
		return policy.Keep, false
	}
	return g.verdict(tag), true
}

// tagVerdict is what the policy said about a tag, if it was asked.
type tagVerdict struct {
	decided bool
	verdict policy.Verdict
}

// placeOf finds a tag by its name, the first of those that have it.
func placeOf(repo *inventory.Repository, tag string) (int, bool) {
	return slices.BinarySearchFunc(repo.Tags, tag, func(t inventory.Tag, name string) int { return cmp.Compare(t.Name, name) })
}

// verdict is what the policy said about a tag; keep for one that it was not
// asked about.
func (g *graph) verdict(tag *inventory.Tag) policy.Verdict {
	if i, found := placeOf(g.repo, tag.Name); found && g.verdicts[i].decided {
		return g.verdicts[i].verdict
	}
	return policy.Keep
}

// tagsOf are the places of the tags on a digest, by name.
func (g *graph) tagsOf(digest oci.Digest) []int32 {
	at := func(i int) oci.Digest { return g.repo.Tags[g.tagged[i]].Digest }
	from := sort.Search(len(g.tagged), func(i int) bool { return at(i) >= digest })
	to := from
	for to < len(g.tagged) && at(to) == digest {
		to++
	}
	return g.tagged[from:to]
}

// exists says whether the registry has a manifest, as far as is known.
func (g *graph) exists(digest oci.Digest) bool {
	if m := g.repo.Manifests[digest]; m != nil {
		return !m.Missing
	}
	return len(g.tagsOf(digest)) > 0 || len(g.parents[digest]) > 0
}

// fate finds what survives and what is doomed. removeOrphan says which orphans
// may go.
func (g *graph) fate(removeOrphan func(oci.Digest) bool) {
	g.findStuck()
	for i := range g.repo.Tags {
		tag := &g.repo.Tags[i]
		if verdict, root := g.root(tag); root && (verdict != policy.Remove || tag.Problem != "") {
			g.survive(tag.Digest)
		}
	}
	for _, digest := range g.kept {
		g.survive(digest)
	}
	for digest := range g.stuck {
		g.survive(digest)
	}
	var seeds []oci.Digest
	for digest, subjects := range g.subjects {
		if slices.ContainsFunc(subjects, g.exists) {
			continue
		}
		g.orphans[digest] = true
		if removeOrphan(digest) {
			seeds = append(seeds, digest)
		} else {
			g.survive(digest)
		}
	}
	for digest := range g.removed {
		seeds = append(seeds, digest)
	}
	for _, digest := range seeds {
		g.doom(digest)
	}
	// What no removed root leads to stays, and so does what it leads to:
	// manifests that nobody decided about, attachments that hang on each other.
	for digest, m := range g.repo.Manifests {
		if !g.doomed[digest] && !m.Missing {
			g.survive(digest)
		}
	}
}

// findStuck marks what could not be read, and everything that lists it.
func (g *graph) findStuck() {
	var mark func(digest, origin oci.Digest)
	mark = func(digest, origin oci.Digest) {
		if known, marked := g.stuck[digest]; marked && cmp.Compare(known, origin) <= 0 {
			return
		}
		g.stuck[digest] = origin
		for _, parent := range g.parents[digest] {
			mark(parent, origin)
		}
	}
	for digest, m := range g.repo.Manifests {
		if m.Problem != "" || !m.Read && !m.Missing && !g.components {
			mark(digest, digest)
		}
	}
	if g.components {
		return
	}
	for digest := range g.parents {
		if g.repo.Manifests[digest] == nil {
			mark(digest, digest)
		}
	}
	for digest := range g.removed {
		if g.repo.Manifests[digest] == nil {
			mark(digest, digest)
		}
	}
}

// survive marks a manifest and everything that must stay with it.
func (g *graph) survive(top oci.Digest) {
	if top == "" || g.survives[top] {
		return
	}
	g.survives[top] = true
	delete(g.doomed, top)
	for stack := []oci.Digest{top}; len(stack) > 0; {
		digest := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		stay := func(below oci.Digest) {
			if !g.survives[below] {
				g.survives[below] = true
				delete(g.doomed, below)
				stack = append(stack, below)
			}
		}
		if m := g.repo.Manifests[digest]; m != nil {
			for _, child := range m.Children {
				stay(child.Digest)
			}
			for _, mention := range m.Mentions {
				stay(mention)
			}
		}
		for _, attachment := range g.attachments[digest] {
			stay(attachment)
		}
	}
}

// doom marks what goes with a removed root. It comes after every survivor is
// marked.
func (g *graph) doom(top oci.Digest) {
	for stack := []oci.Digest{top}; len(stack) > 0; {
		digest := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m := g.repo.Manifests[digest]
		if g.survives[digest] || g.doomed[digest] || m == nil || m.Missing {
			continue
		}
		g.doomed[digest] = true
		for _, child := range m.Children {
			stack = append(stack, child.Digest)
		}
		stack = append(stack, g.attachments[digest]...)
	}
}

// why says on whose account a doomed manifest goes.
func (g *graph) why(digest oci.Digest) string {
	switch {
	case g.removed[digest]:
		return whyRoot
	case len(g.subjects[digest]) > 0:
		return whyAttachment
	default:
		return whyChild
	}
}

const (
	whyRoot       = "root"
	whyChild      = "child"
	whyAttachment = "attachment"
)

// order lists the doomed so that nothing goes before what lists it or what it
// hangs on: indexes, then images, then children, then attachments, each by
// digest. Attachment tags can tie manifests into a ring; a ring is cut at its
// first in that order.
func (g *graph) order() []oci.Digest {
	rank := func(digest oci.Digest) int {
		index := g.repo.Manifests[digest].Kind == oci.KindIndex
		switch why := g.why(digest); {
		case why == whyRoot && len(g.subjects[digest]) == 0 && index:
			return 0
		case why == whyRoot && len(g.subjects[digest]) == 0:
			return 1
		case why == whyChild && index:
			return 2
		case why == whyChild:
			return 3
		default:
			return 4
		}
	}
	waits := map[oci.Digest]int{} // how many that must go first are still there
	for digest := range g.doomed {
		for _, before := range slices.Concat(g.parents[digest], g.subjects[digest]) {
			if g.doomed[before] && before != digest {
				waits[digest]++
			}
		}
	}
	type ranked struct {
		rank   int
		digest oci.Digest
	}
	rest := make([]ranked, 0, len(g.doomed))
	for digest := range g.doomed {
		rest = append(rest, ranked{rank(digest), digest})
	}
	slices.SortFunc(rest, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.digest, b.digest))
	})
	place := make(map[oci.Digest]int, len(rest))
	ready := &places{}
	for i := range rest {
		place[rest[i].digest] = i
		if waits[rest[i].digest] == 0 {
			ready.push(i)
		}
	}
	order := make([]oci.Digest, 0, len(rest))
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
		order = append(order, rest[i].digest)
		for _, after := range g.after(rest[i].digest) {
			if waits[after]--; waits[after] == 0 {
				ready.push(place[after])
			}
		}
	}
	return order
}

// after lists the doomed that wait for one of them to go.
func (g *graph) after(digest oci.Digest) []oci.Digest {
	var after []oci.Digest
	children := map[oci.Digest]bool{}
	for _, child := range g.repo.Manifests[digest].Children {
		if g.doomed[child.Digest] && child.Digest != digest && !children[child.Digest] {
			children[child.Digest] = true
			after = append(after, child.Digest)
		}
	}
	for _, attachment := range g.attachments[digest] {
		if g.doomed[attachment] && attachment != digest {
			after = append(after, attachment)
		}
	}
	return after
}
