package plan

import (
	"slices"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// graph says what becomes of every manifest of a repository when the removed
// roots go (what survives, and what is doomed). Digests have numbers in it,
// because a repository has hundreds of thousands of them and each is looked at
// many times.
type graph struct {
	repo *inventory.Repository
	// components: the registry removes tags as components and clears manifests
	// away by itself, so a manifest need not have been read.
	components bool

	numbers map[oci.Digest]node
	all     []vertex // by number

	nodes    []node       // what each tag points at
	verdicts []tagVerdict // of each tag
	kept     []node       // untagged roots that stay

	tags        edges[int32] // on a digest: their places, by name
	children    edges[node]  // what it lists
	parents     edges[node]  // who lists it
	mentions    edges[node]  // what it names and may list
	attachments edges[node]  // what hangs on it
	subjects    edges[node]  // what it hangs on

	quarantined map[node]duration.Duration // what goes into quarantine, and how long
	stuck       map[node]node              // what leads to something that could not be read, and to what
}

// node is the number of a digest in a graph. Numbers are in the order of
// digests.
type node int32

// nowhere stands for a digest that is not known.
const nowhere node = -1

// vertex is what is known of one digest, and what becomes of it.
type vertex struct {
	digest   oci.Digest
	manifest *inventory.Manifest // nil: something only points here
	removed  bool                // a removed root points at it
	orphan   bool                // an attachment whose subject is not there
	survives bool
	doomed   bool
}

func newGraph(repo *inventory.Repository, report *policy.Report, components bool) *graph {
	g := &graph{
		repo: repo, components: components,
		nodes: make([]node, len(repo.Tags)), verdicts: verdictsOf(repo, report),
		quarantined: map[node]duration.Duration{}, stuck: map[node]node{},
	}
	g.number(report)
	g.link()
	for i := range report.Decisions {
		d := &report.Decisions[i]
		switch at := g.at(d.Root.Digest); {
		case d.Verdict == policy.Remove && at != nowhere:
			g.all[at].removed = true
		case d.Root.Tag == nil:
			g.kept = append(g.kept, at)
		}
	}
	for i := range report.Decisions {
		if d := &report.Decisions[i]; d.Verdict == policy.Remove && d.Quarantine != nil {
			g.quarantine(g.at(d.Root.Digest), *d.Quarantine)
		}
	}
	return g
}

// number gives a number to every digest that is named in the repository.
func (g *graph) number(report *policy.Report) {
	g.numbers = make(map[oci.Digest]node, len(g.repo.Manifests))
	digests := make([]oci.Digest, 0, len(g.repo.Manifests))
	note := func(digest oci.Digest) {
		if _, known := g.numbers[digest]; digest != "" && !known {
			g.numbers[digest] = nowhere // until all are known
			digests = append(digests, digest)
		}
	}
	for digest, m := range g.repo.Manifests {
		note(digest)
		note(m.Subject)
		for i := range m.Children {
			note(m.Children[i].Digest)
		}
		for _, mention := range m.Mentions {
			note(mention)
		}
	}
	for i := range g.repo.Tags {
		note(g.repo.Tags[i].Digest)
		if subject, _, ok := oci.ParseAttachmentTag(g.repo.Tags[i].Name); ok {
			note(subject)
		}
	}
	for i := range report.Decisions {
		note(report.Decisions[i].Root.Digest)
	}
	slices.Sort(digests)
	g.all = make([]vertex, len(digests))
	for i, digest := range digests {
		g.numbers[digest] = node(i)
		g.all[i] = vertex{digest: digest, manifest: g.repo.Manifests[digest]}
	}
}

// at is the number of a digest, or nowhere.
func (g *graph) at(digest oci.Digest) node {
	if n, known := g.numbers[digest]; known {
		return n
	}
	return nowhere
}

// link collects the edges.
func (g *graph) link() {
	var tags, lists, names, hangs []edge
	for i := range g.repo.Tags {
		tag := &g.repo.Tags[i]
		at := g.at(tag.Digest)
		if g.nodes[i] = at; at == nowhere {
			continue
		}
		tags = append(tags, edgeFrom(at, node(i)))
		if subject, _, ok := oci.ParseAttachmentTag(tag.Name); ok {
			hangs = append(hangs, edgeFrom(at, g.at(subject)))
		}
	}
	for i := range g.all {
		m := g.all[i].manifest
		if m == nil {
			continue
		}
		for c := range m.Children {
			lists = append(lists, edgeFrom(node(i), g.at(m.Children[c].Digest)))
		}
		for _, mention := range m.Mentions {
			names = append(names, edgeFrom(node(i), g.at(mention)))
		}
		if m.Subject != "" {
			hangs = append(hangs, edgeFrom(node(i), g.at(m.Subject)))
		}
	}
	n := len(g.all)
	g.tags = edgesOf[int32](n, tags)
	g.children, g.parents = edgesOf[node](n, lists), edgesOf[node](n, turned(lists))
	g.mentions = edgesOf[node](n, names)
	g.subjects, g.attachments = edgesOf[node](n, hangs), edgesOf[node](n, turned(hangs))
}

// quarantine marks a manifest with what is below and attached to it. Where
// several rules say how long, the longest holds.
func (g *graph) quarantine(top node, long duration.Duration) {
	if top == nowhere {
		return
	}
	for stack := []node{top}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if known, marked := g.quarantined[at]; marked && known.Rough() >= long.Rough() {
			continue
		}
		g.quarantined[at] = long
		stack = append(append(stack, g.children.of(at)...), g.attachments.of(at)...)
	}
}

// tagVerdict is what the policy said about a tag, if it was asked.
type tagVerdict struct {
	decided bool
	verdict policy.Verdict
}

// verdictsOf are the verdicts of the tags of a repository.
func verdictsOf(repo *inventory.Repository, report *policy.Report) []tagVerdict {
	verdicts := make([]tagVerdict, len(repo.Tags))
	tags := finder{tags: repo.Tags}
	for i := range report.Decisions {
		d := &report.Decisions[i]
		if d.Root.Tag == nil {
			continue
		}
		if place, found := tags.find(d.Root.Tag.Name); found {
			verdicts[place] = tagVerdict{decided: true, verdict: d.Verdict}
		}
	}
	return verdicts
}

// verdict is what the policy said about the tag at a place; keep for one that it
// was not asked about.
func (g *graph) verdict(place int) policy.Verdict {
	if v := g.verdicts[place]; v.decided {
		return v.verdict
	}
	return policy.Keep
}

// exists says whether the registry has a manifest, as far as is known.
func (g *graph) exists(at node) bool {
	if m := g.all[at].manifest; m != nil {
		return !m.Missing
	}
	return len(g.tags.of(at)) > 0 || len(g.parents.of(at)) > 0
}

// why says on whose account a doomed manifest goes.
func (g *graph) why(at node) string {
	switch {
	case g.all[at].removed:
		return whyRoot
	case len(g.subjects.of(at)) > 0:
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
