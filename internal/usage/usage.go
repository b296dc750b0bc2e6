// Package usage holds evidence of which images are in use somewhere: who uses
// what, seen when, and how complete the looking was.
//
// It promises that evidence says itself how far it can be trusted. It knows
// nothing of policies and cannot change a registry.
package usage

import (
	"cmp"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Witness is one use of an image: "pod shop/cart-7f9 in cluster prod".
type Witness struct {
	Source string
	What   string
	Seen   time.Time
	// Remembered: it was seen at Seen, and is not seen any more.
	Remembered bool
}

// Source is what one source of evidence reported.
type Source struct {
	Name       string
	At         time.Time
	Complete   bool
	References int
	Problem    string // why it is not complete; "" when it is
	// Doubts are what the source could not tell or what looks odd, although it
	// answered completely.
	Doubts []string
	// Covers are the registries whose use this source sees; nil: all.
	Covers []string
}

// covers says whether the source is about a registry.
func (s *Source) covers(registry string) bool {
	return s.Covers == nil || slices.Contains(s.Covers, registry)
}

// Evidence answers who uses an image. The zero value knows of no source, so
// nothing that asks for evidence of use can be answered: see Known.
type Evidence struct {
	Sources []Source

	uses     map[Image][]Witness
	byTag    map[tagKey][]Witness
	byDigest map[digestKey][]Witness
	whole    map[repositoryKey][]Witness
	names    map[repositoryKey]used
}

// used is what of one repository is used.
type used struct {
	tags    []string
	digests []oci.Digest
}

type repositoryKey struct{ registry, repository string }

type tagKey struct{ registry, repository, tag string }

type digestKey struct {
	registry, repository string
	digest               oci.Digest
}

// Known says whether every source that covers the registry answered
// completely. It is false when there is no such source at all.
func (e *Evidence) Known(registry string) bool {
	if e == nil {
		return false
	}
	asked := false
	for i := range e.Sources {
		if !e.Sources[i].covers(registry) {
			continue
		}
		if asked = true; !e.Sources[i].Complete {
			return false
		}
	}
	return asked
}

// Incomplete lists the sources that cover the registry and did not answer
// completely.
func (e *Evidence) Incomplete(registry string) []Source {
	var incomplete []Source
	for _, source := range e.Covering(registry) {
		if !source.Complete {
			incomplete = append(incomplete, source)
		}
	}
	return incomplete
}

// Covering lists the sources that are about the registry.
func (e *Evidence) Covering(registry string) []Source {
	if e == nil {
		return nil
	}
	var covering []Source
	for _, source := range e.Sources {
		if source.covers(registry) {
			covering = append(covering, source)
		}
	}
	return covering
}

// Add records one use. Tag or digest may be empty; both are where every image
// of the repository counts as used.
func (e *Evidence) Add(registry, repository, tag string, digest oci.Digest, witness Witness) {
	e.add(Image{Registry: registry, Known: true, Repository: repository, Tag: tag, Digest: digest}, witness)
}

func (e *Evidence) add(image Image, witness Witness) {
	if e.uses == nil {
		e.uses = map[Image][]Witness{}
		e.byTag, e.byDigest = map[tagKey][]Witness{}, map[digestKey][]Witness{}
		e.whole, e.names = map[repositoryKey][]Witness{}, map[repositoryKey]used{}
	}
	e.uses[image] = append(e.uses[image], witness)
	here := repositoryKey{image.Registry, image.Repository}
	names := e.names[here]
	if image.Tag != "" {
		key := tagKey{image.Registry, image.Repository, image.Tag}
		if e.byTag[key] = append(e.byTag[key], witness); len(e.byTag[key]) == 1 {
			names.tags = append(names.tags, image.Tag)
		}
	}
	if image.Digest != "" {
		key := digestKey{image.Registry, image.Repository, image.Digest}
		if e.byDigest[key] = append(e.byDigest[key], witness); len(e.byDigest[key]) == 1 {
			names.digests = append(names.digests, image.Digest)
		}
	}
	if e.names[here] = names; image.Whole() {
		e.whole[here] = append(e.whole[here], witness)
	}
}

// Tag lists who uses a tag.
func (e *Evidence) Tag(registry, repository, tag string) []Witness {
	if e == nil {
		return nil
	}
	return e.byTag[tagKey{registry, repository, tag}]
}

// Digest lists who uses a digest.
func (e *Evidence) Digest(registry, repository string, digest oci.Digest) []Witness {
	if e == nil {
		return nil
	}
	return e.byDigest[digestKey{registry, repository, digest}]
}

// Repository lists who uses images of a repository without saying which.
func (e *Evidence) Repository(registry, repository string) []Witness {
	if e == nil {
		return nil
	}
	return e.whole[repositoryKey{registry, repository}]
}

// Named lists the tags and digests that are used in a repository, sorted.
func (e *Evidence) Named(registry, repository string) (tags []string, digests []oci.Digest) {
	if e == nil {
		return nil, nil
	}
	names := e.names[repositoryKey{registry, repository}]
	return slices.Sorted(slices.Values(names.tags)), slices.Sorted(slices.Values(names.digests))
}

// Use is one image in use, with everybody who uses it.
type Use struct {
	Image     Image
	Witnesses []Witness // what is seen now first, then by source and what
}

// Uses lists every image in use by registry, repository, tag and digest, those
// of registries that are not known here among them.
func (e *Evidence) Uses() []Use {
	if e == nil {
		return nil
	}
	uses := make([]Use, 0, len(e.uses))
	for image, witnesses := range e.uses {
		uses = append(uses, Use{image, slices.SortedFunc(slices.Values(witnesses), Witness.Compare)})
	}
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Image.Registry, b.Image.Registry), cmp.Compare(a.Image.Repository, b.Image.Repository),
			cmp.Compare(a.Image.Tag, b.Image.Tag), cmp.Compare(a.Image.Digest, b.Image.Digest))
	})
	return uses
}

// Compare orders witnesses: seen now before remembered, then by source, what
// and time.
func (w Witness) Compare(other Witness) int {
	switch {
	case w.Remembered && !other.Remembered:
		return 1
	case !w.Remembered && other.Remembered:
		return -1
	}
	return cmp.Or(cmp.Compare(w.Source, other.Source), cmp.Compare(w.What, other.What), w.Seen.Compare(other.Seen))
}
