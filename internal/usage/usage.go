// Package usage holds evidence of which images are in use somewhere: who uses
// what, seen when, and how complete the looking was.
//
// It promises that evidence says itself how far it can be trusted. It knows
// nothing of policies and cannot change a registry.
package usage

import (
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Witness is one use of an image: "pod shop/cart-7f9 in cluster prod".
type Witness struct {
	Source string
	What   string
	Seen   time.Time
}

// Source is what one source of evidence reported.
type Source struct {
	Name       string
	At         time.Time
	Complete   bool
	References int
	Problem    string // why it is not complete; "" when it is
}

// Evidence answers who uses an image. The zero value knows of no source, so
// nothing that asks for evidence of use can be answered: see Known.
type Evidence struct {
	Sources []Source

	byTag    map[tagKey][]Witness
	byDigest map[digestKey][]Witness
}

type tagKey struct{ registry, repository, tag string }

type digestKey struct {
	registry, repository string
	digest               oci.Digest
}

// Known says whether every source that was configured answered completely. It
// is false when there is no source at all.
func (e *Evidence) Known() bool {
	if e == nil || len(e.Sources) == 0 {
		return false
	}
	for _, source := range e.Sources {
		if !source.Complete {
			return false
		}
	}
	return true
}

// Add records one use. Tag or digest may be empty, not both.
func (e *Evidence) Add(registry, repository, tag string, digest oci.Digest, witness Witness) {
	if e.byTag == nil {
		e.byTag, e.byDigest = map[tagKey][]Witness{}, map[digestKey][]Witness{}
	}
	if tag != "" {
		key := tagKey{registry, repository, tag}
		e.byTag[key] = append(e.byTag[key], witness)
	}
	if digest != "" {
		key := digestKey{registry, repository, digest}
		e.byDigest[key] = append(e.byDigest[key], witness)
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
