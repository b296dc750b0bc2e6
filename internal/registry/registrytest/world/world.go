// Package world makes registries up: repositories with images, indexes,
// attachments, orphans and bad dates, by hand or drawn from a source of
// numbers; it uploads them to a real registry, reads a registry's state back,
// and checks one state against another.
//
// It promises to share nothing with the code under test but the words of
// package oci: its own requests, its own decoding, its own walk of the graph.
// It knows no policy; what should have gone is told to Check.
package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// World is the content of one registry.
type World struct {
	// Now is the instant from which the dates in it were counted.
	Now          time.Time
	Repositories map[string]*Repository
	Blobs        map[oci.Digest][]byte

	serial int // makes every new blob differ
}

// Repository is one repository of a world.
type Repository struct {
	Name      string
	Tags      map[string]oci.Digest
	Manifests map[oci.Digest]*Manifest
	// Lost manifests are pointed at but are not there: somebody deleted them
	// under their index.
	Lost map[oci.Digest]*Manifest
	// Pushed and Pulled are the registry's own records by tag name or digest,
	// for registries that keep any. Absent means "not known".
	Pushed map[string]time.Time
	Pulled map[string]time.Time

	world *World
}

// Manifest is a manifest with its edges.
type Manifest struct {
	oci.RawManifest
	Config       oci.Digest // "" for an index
	Layers       []oci.Digest
	Children     []Child
	Subject      oci.Digest // "" when it names none
	ArtifactType string
	Annotations  map[string]string
}

// Child is an entry of an index.
type Child struct {
	Digest      oci.Digest
	Attestation bool
}

// New is an empty world.
func New(now time.Time) *World {
	return &World{Now: now, Repositories: map[string]*Repository{}, Blobs: map[oci.Digest][]byte{}}
}

// Repository finds or makes a repository.
func (w *World) Repository(name string) *Repository {
	r := w.Repositories[name]
	if r == nil {
		r = &Repository{
			Name: name, world: w,
			Tags: map[string]oci.Digest{}, Manifests: map[oci.Digest]*Manifest{}, Lost: map[oci.Digest]*Manifest{},
			Pushed: map[string]time.Time{}, Pulled: map[string]time.Time{},
		}
		w.Repositories[name] = r
	}
	return r
}

// Names lists the repositories in order.
func (w *World) Names() []string { return sortedKeys(w.Repositories) }

// Digests lists, by repository, every manifest that is or was there: what
// Read must ask for by digest because no registry lists it.
func (w *World) Digests() map[string][]oci.Digest {
	all := map[string][]oci.Digest{}
	for name, r := range w.Repositories {
		all[name] = slices.Concat(sortedKeys(r.Manifests), slices.Sorted(maps.Keys(r.Lost)))
	}
	return all
}

// Created is when a manifest of the repository says it was built: by its
// config, by the latest of its platform images where it is an index, else by
// its annotation. It is handed out as written, believable or not; zero where
// nothing says so.
func (r *Repository) Created(m *Manifest) time.Time {
	var latest time.Time
	for image := range r.platforms(m, map[oci.Digest]bool{}) {
		var config struct {
			Created string `json:"created"`
		}
		_ = json.Unmarshal(r.world.Blobs[image.Config], &config)
		if created := or(parse(config.Created), parse(image.Annotations[oci.AnnotationCreated])); created.After(latest) {
			latest = created
		}
	}
	return or(latest, parse(m.Annotations[oci.AnnotationCreated]))
}

// platforms are the images at or below m, without attestations.
func (r *Repository) platforms(m *Manifest, seen map[oci.Digest]bool) map[*Manifest]bool {
	found := map[*Manifest]bool{}
	if len(m.Children) == 0 {
		found[m] = true
	}
	for _, child := range m.Children {
		below := r.Manifests[child.Digest]
		if below == nil || child.Attestation || seen[child.Digest] {
			continue
		}
		seen[child.Digest] = true
		maps.Copy(found, r.platforms(below, seen))
	}
	return found
}

func parse(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func or(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// document is every field of a manifest that this package writes or follows.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       oci.Digest        `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

const attestationAnnotation = "vnd.docker.reference.type"

// Parse follows the edges of a manifest. A body that is no JSON has none.
func Parse(mediaType string, body []byte) *Manifest {
	m := &Manifest{RawManifest: oci.RawManifest{MediaType: mediaType, Digest: oci.FromBytes(body), Body: body}}
	var doc document
	if json.Unmarshal(body, &doc) != nil {
		return m
	}
	if doc.Config != nil {
		m.Config = doc.Config.Digest
	}
	if doc.Subject != nil {
		m.Subject = doc.Subject.Digest
	}
	for _, layer := range doc.Layers {
		m.Layers = append(m.Layers, layer.Digest)
	}
	for _, child := range doc.Manifests {
		m.Children = append(m.Children, Child{child.Digest, child.Annotations[attestationAnnotation] != ""})
	}
	m.ArtifactType, m.Annotations = doc.ArtifactType, doc.Annotations
	return m
}

// Clone copies the world so that one copy can go on living.
func (w *World) Clone() *World {
	c := New(w.Now)
	c.Blobs, c.serial = maps.Clone(w.Blobs), w.serial
	for name, r := range w.Repositories {
		c.Repositories[name] = &Repository{
			Name: name, world: c, Tags: maps.Clone(r.Tags), Manifests: maps.Clone(r.Manifests), Lost: maps.Clone(r.Lost),
			Pushed: maps.Clone(r.Pushed), Pulled: maps.Clone(r.Pulled),
		}
	}
	return c
}

// String counts what is there, for a failing test.
func (w *World) String() string {
	var tags, manifests int
	for _, r := range w.Repositories {
		tags += len(r.Tags)
		manifests += len(r.Manifests)
	}
	return fmt.Sprintf("%d repositories, %d tags, %d manifests, %d blobs", len(w.Repositories), tags, manifests, len(w.Blobs))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
