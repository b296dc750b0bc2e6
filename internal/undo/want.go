package undo

import (
	"maps"
	"slices"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// want is what has to be in one repository.
type want struct {
	manifests map[oci.Digest]oci.RawManifest // archived bytes
	deleted   map[oci.Digest]bool            // by the run
	tags      map[string]oci.Digest
	holding   string // the holding repository of what went into quarantine; "": none
}

func (w *want) nothing() bool { return w == nil || len(w.deleted) == 0 && len(w.tags) == 0 }

// want is what a run took away, or may have taken away.
func (r *Removed) want() *want {
	w := &want{manifests: map[oci.Digest]oci.RawManifest{}, deleted: map[oci.Digest]bool{}, tags: map[string]oci.Digest{}}
	kept, took := map[int]bool{}, map[int]bool{}
	for _, entry := range r.Entries {
		kept[entry.Seq] = true
	}
	for _, s := range r.Steps {
		// What was archived and then found gone went along with its subject.
		along := kept[s.Seq] && r.State.Last[s.Seq].Status == journal.AlreadyGone
		if !r.State.Acted[s.Seq] && !along {
			continue
		}
		took[s.Seq] = true
		if s.Quarantine != "" {
			w.holding = s.Quarantine
		}
		if s.Action == plan.DeleteManifest {
			w.deleted[s.Digest] = true
		}
		for _, tag := range append(slices.Clone(s.Takes), s.Tag) {
			if tag != "" {
				w.tags[tag] = s.Digest
			}
		}
	}
	lost := len(r.Steps) == 0
	for _, entry := range r.Entries {
		if !lost && !took[entry.Seq] {
			continue
		}
		w.manifests[entry.Manifest.Digest] = entry.Manifest
		if !lost {
			continue
		}
		w.deleted[entry.Manifest.Digest] = true
		for _, tag := range entry.Tags {
			w.tags[tag] = entry.Manifest.Digest
		}
	}
	return w
}

// only narrows down to references with everything below them and attached to
// them; nil where none is about the repository.
func (w *want) only(where place, references []oci.Reference) *want {
	picked := map[oci.Digest]bool{}
	tags := map[string]oci.Digest{}
	for _, ref := range references {
		if ref.Repository != where.repository || ref.Registry != "" && ref.Registry != where.registry {
			continue
		}
		for tag, digest := range w.tags {
			if ref.Tag == tag || ref.Tag == "" && (ref.Digest == "" || ref.Digest == digest) {
				tags[tag] = digest
				w.pick(digest, picked)
			}
		}
		if _, archived := w.manifests[ref.Digest]; archived || w.deleted[ref.Digest] {
			w.pick(ref.Digest, picked)
		}
	}
	for tag, digest := range w.tags { // tags of attachments come along
		if subject, ok := w.attachedTo(tag, digest); ok && picked[subject] {
			tags[tag] = digest
		}
	}
	if len(picked) == 0 {
		return nil
	}
	n := &want{manifests: w.manifests, deleted: map[oci.Digest]bool{}, tags: tags, holding: w.holding}
	for digest := range w.deleted {
		n.deleted[digest] = picked[digest]
	}
	maps.DeleteFunc(n.deleted, func(_ oci.Digest, picked bool) bool { return !picked })
	return n
}

func (w *want) decode(digest oci.Digest) (oci.Manifest, bool) {
	raw, archived := w.manifests[digest]
	if !archived {
		return oci.Manifest{}, false
	}
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	return m, err == nil
}

// pick marks a digest with what is below and attached to it.
func (w *want) pick(digest oci.Digest, picked map[oci.Digest]bool) {
	if picked[digest] {
		return
	}
	picked[digest] = true
	if m, ok := w.decode(digest); ok {
		for _, child := range m.Children {
			w.pick(child.Digest, picked)
		}
	}
	for attachment := range w.manifests {
		if m, ok := w.decode(attachment); ok && m.Subject != nil && m.Subject.Digest == digest {
			w.pick(attachment, picked)
		}
	}
	for tag, attachment := range w.tags {
		if subject, ok := w.attachedTo(tag, attachment); ok && subject == digest {
			w.pick(attachment, picked)
		}
	}
}

func (w *want) attachedTo(tag string, digest oci.Digest) (oci.Digest, bool) {
	if subject, _, ok := oci.ParseAttachmentTag(tag); ok {
		return subject, true
	}
	if m, ok := w.decode(digest); ok && m.Subject != nil {
		return m.Subject.Digest, true
	}
	return "", false
}
