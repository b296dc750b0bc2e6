package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// evaluation is one repository being judged at one instant.
type evaluation struct {
	p        *Policy
	g        *governed
	set      *settings
	repo     *inventory.Repository
	evidence *usage.Evidence
	now      time.Time
	latest   time.Time // the last instant that is trusted
	cutoffs  []int64
	cutTexts []string

	roots     []inventory.Root
	claims    []int32 // rule of each root, -1 for none
	at        []int64 // see age
	sure      []certainty
	from      []AgeSource
	collapsed bool
	pulls     bool // a missing pull time means never
	blind     bool // untagged roots may be children of what could not be read
	doubting  bool // a place that a missing fact could take away counts as unknown

	images   []int32 // which image each root is, -1 where not known; nil until asked
	imageN   int
	unitOf   []int32 // of each image, plus one: while one ranking is made, else zero
	members  []int32 // roots by image, and where those of each image begin; nil until asked
	begins   []int32
	places   [][]placing
	groups   [][][]group // of each rule, of each ranking
	marks    [][]mark
	inUse    *useIndex
	shared   map[sharedKey][]Reason
	warnings []Warning
}

// Evaluate gives every root of a repository its verdict. Reasons and their
// facts may be shared between decisions and must not be changed.
func (p *Policy) Evaluate(repo *inventory.Repository, evidence *usage.Evidence, now time.Time) Report {
	e := p.begin(repo, evidence, now)
	return e.report()
}

// begin works out everything that decisions look into.
func (p *Policy) begin(repo *inventory.Repository, evidence *usage.Evidence, now time.Time) *evaluation {
	e := &evaluation{
		p: p, set: &p.defaults, repo: repo, evidence: evidence, now: now, latest: now.Add(farAway),
		roots: repo.Roots(), shared: map[sharedKey][]Reason{},
	}
	if index := p.governs(repo.Name); index >= 0 {
		e.g = p.policies[index]
		e.set = &e.g.settings
	}
	for _, d := range p.cutoffs {
		cut := d.Before(now)
		e.cutoffs = append(e.cutoffs, cut.UnixNano())
		e.cutTexts = append(e.cutTexts, cut.UTC().Format(time.RFC3339))
	}
	e.claim()
	e.ages()
	if e.g != nil {
		e.prepare()
	}
	return e
}

// claim finds the rule of every root.
func (e *evaluation) claim() {
	e.claims = make([]int32, len(e.roots))
	for i := range e.roots {
		e.claims[i] = -1
		if e.g == nil {
			continue
		}
		root := &e.roots[i]
		for k, r := range e.g.rules {
			if root.Tag == nil && r.untagged || root.Tag != nil && r.tags.Match(root.Tag.Name) {
				e.claims[i] = int32(k)
				break
			}
		}
	}
}

// ages works out the age of every root and what can be trusted.
func (e *evaluation) ages() {
	if e.collapsed = e.collapse(); e.collapsed {
		e.warn("push-times", "", "at least 90 %% of the push times fall into one minute: they are taken for a migration or a rebuilt index and not trusted")
	}
	e.pulls, e.blind = e.pullsTell(), e.anythingUnread()
	e.at, e.sure, e.from = make([]int64, len(e.roots)), make([]certainty, len(e.roots)), make([]AgeSource, len(e.roots))
	for i := range e.roots {
		from := FromLatest
		if r := e.rule(i); r != nil {
			from = r.ageFrom
		}
		e.at[i], e.from[i], e.sure[i] = e.age(i, from)
	}
}

// prepare computes rankings and marks, rule by rule.
func (e *evaluation) prepare() {
	sizes := make([]int, len(e.g.rules))
	for _, k := range e.claims {
		if k >= 0 {
			sizes[k]++
		}
	}
	claimed := make([][]int32, len(e.g.rules))
	for k, n := range sizes {
		claimed[k] = make([]int32, 0, n)
	}
	for i, k := range e.claims {
		if k >= 0 {
			claimed[k] = append(claimed[k], int32(i))
		}
	}
	e.groups = make([][][]group, len(e.g.rules))
	need := needsOf(e.p.protect)
	for k, r := range e.g.rules {
		if len(claimed[k]) == 0 {
			continue
		}
		need |= needsOf(r.keep) | needsOf(r.remove)
		for slot := range r.marked {
			if slot == len(e.marks) {
				e.marks = append(e.marks, make([]mark, len(e.roots)))
			}
		}
		rankings := make([]ranking, len(r.rankings))
		e.groups[k] = make([][]group, len(r.rankings))
		for slot, spec := range r.rankings {
			if slot == len(e.places) {
				e.places = append(e.places, make([]placing, len(e.roots)))
			}
			rankings[slot] = e.rank(r, claimed[k], spec, e.places[slot])
			e.groups[k][slot] = rankings[slot].groups
		}
		for slot, m := range r.marked {
			m.mark(e, r, claimed[k], rankings, e.marks[slot])
		}
	}
	if need&needEvidence != 0 {
		e.inUse = e.indexUse()
	}
}

func (e *evaluation) rule(i int) *rule {
	if k := e.claims[i]; k >= 0 {
		return e.g.rules[k]
	}
	return nil
}

// steady says whether a root certainly is one.
func (e *evaluation) steady(i int) bool {
	return e.resolved(i) && !(e.roots[i].Tag == nil && e.blind)
}

// anythingUnread says whether something in the repository could list or own
// manifests without anybody knowing.
func (e *evaluation) anythingUnread() bool {
	if !slices.ContainsFunc(e.roots, func(root inventory.Root) bool { return root.Tag == nil }) {
		return false // then it matters to nobody
	}
	for i := range e.repo.Tags {
		tag := &e.repo.Tags[i]
		if tag.Digest == "" || e.repo.Manifests[tag.Digest] == nil {
			return true
		}
	}
	for _, m := range e.repo.Manifests {
		if !m.Missing && (m.Kind == oci.KindUnknown || m.Kind == oci.KindIndex && (!m.Read || m.Problem != "")) {
			return true
		}
	}
	return false
}

func (e *evaluation) warn(code, lift, format string, args ...any) {
	e.warnings = append(e.warnings, Warning{Code: code, Scope: e.repo.Name, Message: fmt.Sprintf(format, args...), Lift: lift})
}

// image says which image a root belongs to; -1 where its digest is not known.
func (e *evaluation) image(i int) int32 {
	e.number()
	return e.images[i]
}

func (e *evaluation) imageCount() int {
	e.number()
	return e.imageN
}

func (e *evaluation) number() {
	if e.images != nil {
		return
	}
	e.images = make([]int32, len(e.roots))
	numbers := make(map[*inventory.Manifest]int32, len(e.repo.Manifests))
	unread := map[oci.Digest]int32{} // digests without a manifest
	for i := range e.roots {
		root := &e.roots[i]
		n, there := numbers[root.Manifest]
		switch {
		case root.Digest == "":
			n, there = -1, true
		case root.Manifest == nil:
			n, there = unread[root.Digest]
		}
		if !there {
			n = int32(e.imageN)
			e.imageN++
			if root.Manifest == nil {
				unread[root.Digest] = n
			} else {
				numbers[root.Manifest] = n
			}
		}
		e.images[i] = n
	}
}

// siblings lists the roots on the same digest, itself among them.
func (e *evaluation) siblings(i int) []int32 {
	if e.begins == nil {
		e.group()
	}
	image := e.images[i]
	if image < 0 {
		return []int32{int32(i)}
	}
	return e.members[e.begins[image]:e.begins[image+1]]
}

// group sorts the roots by image.
func (e *evaluation) group() {
	e.number()
	e.begins = make([]int32, e.imageN+2)
	for _, image := range e.images {
		if image >= 0 {
			e.begins[image+2]++
		}
	}
	for n := 1; n < len(e.begins); n++ {
		e.begins[n] += e.begins[n-1]
	}
	e.members = make([]int32, len(e.roots))
	for i, image := range e.images {
		if image >= 0 {
			e.members[e.begins[image+1]] = int32(i)
			e.begins[image+1]++
		}
	}
}
