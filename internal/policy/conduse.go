package policy

import (
	"slices"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// useTest is in_use: true.
type useTest struct{}

// use is what is known of one manifest that somebody uses.
type use struct {
	witness usage.Witness
	via     string // the tag or digest that was seen
}

// useIndex says which digests of the repository are used: by themselves, below
// an index that is, or above a child that is.
type useIndex struct {
	tags                 map[string]use
	direct, below, above map[oci.Digest]use
	// any is a use that does not say which image of the repository it means.
	any *use
	// obscure: something used could not be read, so that what belongs to it is
	// not known.
	obscure bool
}

// indexUse looks the evidence up once for the whole repository.
func (e *evaluation) indexUse() *useIndex {
	x := &useIndex{tags: map[string]use{}, direct: map[oci.Digest]use{}, below: map[oci.Digest]use{}, above: map[oci.Digest]use{}}
	if witnesses := e.evidence.Repository(e.repo.Registry, e.repo.Name); len(witnesses) > 0 {
		x.any = &use{witness: firstWitness(witnesses), via: "some image of " + e.repo.Name}
	}
	for i := range e.repo.Tags {
		tag := &e.repo.Tags[i]
		witnesses := e.evidence.Tag(e.repo.Registry, e.repo.Name, tag.Name)
		if len(witnesses) == 0 {
			continue
		}
		used := use{witness: firstWitness(witnesses), via: tag.Name}
		x.tags[tag.Name] = used
		if tag.Digest == "" {
			x.obscure = true
		} else {
			add(x.direct, tag.Digest, used)
		}
	}
	parents := map[oci.Digest][]oci.Digest{}
	look := func(digest oci.Digest) {
		if witnesses := e.evidence.Digest(e.repo.Registry, e.repo.Name, digest); len(witnesses) > 0 {
			add(x.direct, digest, use{witness: firstWitness(witnesses), via: string(digest)})
		}
	}
	for digest, m := range e.repo.Manifests {
		look(digest)
		for _, child := range m.Children {
			look(child.Digest)
			parents[child.Digest] = append(parents[child.Digest], digest)
		}
	}
	for i := range e.roots {
		if root := &e.roots[i]; root.Manifest == nil && root.Digest != "" {
			look(root.Digest)
		}
	}
	for digest, used := range x.direct {
		x.down(e.repo.Manifests, digest, used)
		x.up(parents, digest, used)
	}
	return x
}

// firstWitness does not depend on the order in which evidence arrived.
func firstWitness(witnesses []usage.Witness) usage.Witness {
	return slices.MinFunc(witnesses, usage.Witness.Compare)
}

// add notes a use, of several the one whose name comes first; false when one
// that comes first was there.
func add(uses map[oci.Digest]use, digest oci.Digest, used use) bool {
	if before, there := uses[digest]; there && before.via <= used.via {
		return false
	}
	uses[digest] = used
	return true
}

func (x *useIndex) down(manifests map[oci.Digest]*inventory.Manifest, digest oci.Digest, used use) {
	m := manifests[digest]
	if m == nil || !m.Missing && (m.Problem != "" || !m.Read && m.Kind != oci.KindImage) {
		x.obscure = true
	}
	if m == nil {
		return
	}
	for _, child := range m.Children {
		leaf := manifests[child.Digest] == nil && oci.KindOf(child.MediaType) == oci.KindImage // an image lists nothing
		if add(x.below, child.Digest, used) && !leaf {
			x.down(manifests, child.Digest, used)
		}
	}
}

func (x *useIndex) up(parents map[oci.Digest][]oci.Digest, digest oci.Digest, used use) {
	for _, parent := range parents[digest] {
		if add(x.above, parent, used) {
			x.up(parents, parent, used)
		}
	}
}

func (useTest) find(e *evaluation, i int) (use, bool) {
	root := &e.roots[i]
	if used, there := e.inUse.tags[root.Name()]; there && root.Tag != nil {
		return used, true
	}
	for _, uses := range []map[oci.Digest]use{e.inUse.direct, e.inUse.below, e.inUse.above} {
		if used, there := uses[root.Digest]; there && root.Digest != "" {
			return used, true
		}
	}
	if e.inUse.any != nil {
		return *e.inUse.any, true
	}
	return use{}, false
}

func (t useTest) truth(e *evaluation, i int) Truth {
	if _, there := t.find(e, i); there {
		return True
	}
	if !e.evidence.Known(e.repo.Registry) || e.inUse.obscure || !e.resolved(i) || e.roots[i].Manifest.Kind != oci.KindImage && !e.readable(i) {
		return Unknown
	}
	if e.listsUnread(e.roots[i].Manifest, 0) {
		return Unknown
	}
	return False
}

// listsUnread says whether something that a manifest lists, at any depth, may
// itself list an image in use without anybody knowing.
func (e *evaluation) listsUnread(m *inventory.Manifest, depth int) bool {
	for _, child := range m.Children {
		below := e.repo.Manifests[child.Digest]
		switch {
		case below != nil && below.Missing:
		case below != nil && below.Read:
			if depth == deepest || e.listsUnread(below, depth+1) {
				return true
			}
		case oci.KindOf(child.MediaType) != oci.KindImage:
			return true
		}
	}
	return false
}

func (useTest) missing(*evaluation, int) string { return factUse }

func (t useTest) facts(e *evaluation, i int) map[string]any {
	used, _ := t.find(e, i)
	return used.facts()
}

func (used use) facts() map[string]any {
	facts := map[string]any{"source": used.witness.Source, "what": used.witness.What, "via": used.via}
	if used.witness.Remembered {
		facts["last_seen"] = instant(used.witness.Seen.UnixNano())
	}
	return facts
}

func (t useTest) explain(e *evaluation, i int) account {
	used, there := t.find(e, i)
	a := account{fact: "nobody was seen using it", rests: restsUse}
	switch {
	case there:
		fact := used.witness.What + " (" + used.witness.Source + ") uses " + used.via
		switch {
		case used.witness.Remembered:
			fact += ", not any more: last seen " + instant(used.witness.Seen.UnixNano())
		case !used.witness.Seen.IsZero():
			fact += ", seen " + instant(used.witness.Seen.UnixNano())
		}
		a.fact = fact
	case t.truth(e, i) == Unknown && !e.evidence.Known(e.repo.Registry):
		a.fact = "the evidence of use is missing or not complete"
	case t.truth(e, i) == Unknown:
		a.fact = "what the image hangs together with could not be read"
	}
	return a
}

func (useTest) individual()    {}
func (useTest) code() Code     { return CodeInUse }
func (useTest) needs() need    { return needEvidence }
func (useTest) String() string { return "in_use: true" }
