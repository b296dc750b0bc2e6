package plan_test

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// oracle says what must become of a repository, written from the rules alone
// and as plainly as possible: sets that grow until nothing changes.
type oracle struct {
	w       *world.World
	repo    *world.Repository
	removed func(tag string) bool
	grace   time.Duration
	pushed  bool // push times of manifests are told
}

// subjects of a manifest: what it names, and what attachment tags on it name.
func (o *oracle) subjects(digest oci.Digest) []oci.Digest {
	var subjects []oci.Digest
	if m := o.repo.Manifests[digest]; m != nil && m.Subject != "" {
		subjects = append(subjects, m.Subject)
	}
	for tag, at := range o.repo.Tags {
		if subject, _, ok := oci.ParseAttachmentTag(tag); ok && at == digest {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// root says whether a tag is decided about.
func (o *oracle) root(tag string) bool {
	_, _, byName := oci.ParseAttachmentTag(tag)
	return !byName && o.repo.Manifests[o.repo.Tags[tag]].Subject == ""
}

func (o *oracle) children(digest oci.Digest) []oci.Digest {
	var children []oci.Digest
	if m := o.repo.Manifests[digest]; m != nil {
		for _, child := range m.Children {
			children = append(children, child.Digest)
		}
	}
	return children
}

func (o *oracle) attachments(subject oci.Digest) []oci.Digest {
	var attachments []oci.Digest
	for digest := range o.repo.Manifests {
		if slices.Contains(o.subjects(digest), subject) {
			attachments = append(attachments, digest)
		}
	}
	return attachments
}

// closure grows a set by children and attachments.
func (o *oracle) closure(set map[oci.Digest]bool) {
	for grown := true; grown; {
		grown = false
		for digest := range maps.Clone(set) {
			for _, next := range append(o.children(digest), o.attachments(digest)...) {
				if !set[next] {
					set[next], grown = true, true
				}
			}
		}
	}
}

// doomed is what must be deleted.
func (o *oracle) doomed() map[oci.Digest]bool {
	stay, go_ := map[oci.Digest]bool{}, map[oci.Digest]bool{}
	roots := map[oci.Digest]bool{}
	for tag, digest := range o.repo.Tags {
		switch {
		case !o.root(tag):
		case o.removed(tag):
			go_[digest], roots[digest] = true, true
		default:
			stay[digest] = true
		}
	}
	for digest := range o.repo.Manifests {
		subjects := o.subjects(digest)
		missing := func(d oci.Digest) bool { return o.repo.Manifests[d] == nil }
		if len(subjects) > 0 && !slices.ContainsFunc(subjects, func(d oci.Digest) bool { return !missing(d) }) {
			stay[digest] = true // an orphan
		}
		if len(subjects) == 0 && !o.pointedAt(digest) {
			stay[digest] = true // an untagged root
		}
	}
	o.closure(go_)
	o.closure(stay)
	doomed := func() map[oci.Digest]bool {
		d := map[oci.Digest]bool{}
		for digest := range go_ {
			if !stay[digest] && o.repo.Manifests[digest] != nil {
				d[digest] = true
			}
		}
		return d
	}
	for digest := range doomed() {
		if !roots[digest] && len(o.subjects(digest)) == 0 && o.inFlight(digest) {
			stay[digest] = true
		}
	}
	o.closure(stay)
	return doomed()
}

// pointedAt says whether a tag or an index leads to a manifest.
func (o *oracle) pointedAt(digest oci.Digest) bool {
	for _, at := range o.repo.Tags {
		if at == digest {
			return true
		}
	}
	for other := range o.repo.Manifests {
		if slices.Contains(o.children(other), digest) {
			return true
		}
	}
	return false
}

// inFlight is the grace rule for a child.
func (o *oracle) inFlight(child oci.Digest) bool {
	if o.grace == 0 {
		return false
	}
	var at time.Time
	for digest, m := range o.repo.Manifests {
		if !slices.ContainsFunc(m.Children, func(c world.Child) bool { return c.Digest == child }) {
			continue
		}
		if t := o.built(digest); o.trusted(t) && t.After(at) {
			at = t
		}
	}
	if t := o.repo.Pushed[string(child)]; o.pushed && o.trusted(t) {
		at = t
	}
	return at.IsZero() || o.w.Now.Sub(at) < o.grace
}

func (o *oracle) trusted(t time.Time) bool {
	return t.Year() > 2013 && !t.After(o.w.Now.Add(24*time.Hour))
}

// built is the latest build time of the platform images below an index, else
// its annotation.
func (o *oracle) built(digest oci.Digest) time.Time {
	m := o.repo.Manifests[digest]
	if m == nil {
		return time.Time{}
	}
	var config struct {
		Created string `json:"created"`
	}
	_ = json.Unmarshal(o.w.Blobs[m.Config], &config) // no config is no time
	at, _ := time.Parse(time.RFC3339, config.Created)
	for _, child := range m.Children {
		if t := o.built(child.Digest); !child.Attestation && t.After(at) {
			at = t
		}
	}
	if at.IsZero() {
		at, _ = time.Parse(time.RFC3339, m.Annotations[oci.AnnotationCreated])
	}
	return at
}

// bytesOf what only doomed manifests reach, in the whole world.
func bytesOf(w *world.World, doomed map[world.Node]bool) int64 {
	staying, going := map[oci.Digest]bool{}, map[oci.Digest]bool{}
	for name, repo := range w.Repositories {
		for digest, m := range repo.Manifests {
			set := staying
			if doomed[world.Node{Repository: name, Digest: digest}] {
				set = going
			}
			for _, b := range append([]oci.Digest{m.Config}, m.Layers...) {
				set[b] = true
			}
		}
	}
	var total int64
	for digest := range going {
		if !staying[digest] {
			total += int64(len(w.Blobs[digest]))
		}
	}
	return total
}
