// Package undo turns what a run did into a plan that puts it back: the journal
// says what, the archive has the bytes, and a look at the registry tells what
// is missing and what others have done since.
//
// It promises that its plan only adds: nothing that is there is changed, except
// tags that the caller asked to have back. It cannot change a registry; the
// plan is carried out by the same machinery as every other.
package undo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// Codes of blocked lines and notices of a restore plan.
const (
	CodeMissingBlob     = "missing-blob"     // collected by the registry, and not archived
	CodeMissingManifest = "missing-manifest" // needed below, neither there nor archived
	CodeNotArchived     = "not-archived"     // the manifest's own bytes are nowhere
	CodeMoved           = "moved"            // the tag points elsewhere by now
)

// Request is one run to be undone.
type Request struct {
	Run journal.Run
	// Plan that the run carried out, and where the run stands. Without a plan
	// (the state was lost) everything that was archived is put back.
	Plan  *plan.Plan
	State journal.State
	// Entries are what the run archived.
	Entries []archive.Entry
	// Registries and Readers of the run, by registry.Info.Name.
	Registries []registry.Info
	Readers    map[string]registry.Reader
	// Archive has what was kept whole; nil where only manifests were.
	Archive Archive
	// Only restores these tags or digests, with what hangs on them; empty: all.
	Only []oci.Reference
	// Overwrite takes tags back that point elsewhere by now.
	Overwrite bool
	Now       time.Time
	Tool      string
}

// Archive gives back what lies below the entries: manifests that were no step
// of their own, and blobs.
type Archive interface {
	archive.Manifests
	archive.Blobs
}

// ErrNothing means that no reference of Only is among what the run removed.
var ErrNothing = errors.New("the run removed nothing like that")

// Build looks at the registries and plans what has to be put back. Children
// come before their index, manifests before their tags, attachments last.
func Build(ctx context.Context, req Request) (*plan.Plan, error) {
	p := &plan.Plan{Header: plan.Header{
		Type: "plan", Version: plan.Version, Kind: "restore", Run: req.Run.ID, Created: req.Now, Now: req.Now,
		ID: "undo-" + req.Run.ID + "-" + req.Now.UTC().Format("20060102T150405Z"), Expires: req.Now.Add(24 * time.Hour),
		Tool: req.Tool, Registries: req.Registries, Evidence: []plan.Evidence{},
	}}
	wanted := collect(req)
	if len(req.Only) > 0 {
		if wanted = only(wanted, req.Only); len(wanted) == 0 {
			return nil, fmt.Errorf("run %s: %w: %v", req.Run.ID, ErrNothing, req.Only)
		}
	}
	for _, where := range slices.SortedFunc(maps.Keys(wanted), place.compare) {
		reader := req.Readers[where.registry]
		if reader == nil {
			return nil, fmt.Errorf("run %s removed from %s, which is not among the registries of this command", req.Run.ID, where.registry)
		}
		r := &restoration{content: content(&req, where, wanted[where], reader), Request: &req, place: where, want: wanted[where], reader: reader, plan: p, back: map[oci.Digest]bool{}, blobs: map[oci.Digest]bool{}}
		if err := r.build(ctx); err != nil {
			return nil, err
		}
	}
	p.Summary = plan.Summary{Type: "summary", Repositories: len(wanted), Steps: len(p.Steps), Blocked: len(p.Blocked)}
	return p, nil
}

// content is where what belongs into a repository can be had: from the archive,
// and from the holding repository.
func content(req *Request, where place, w *want, reader registry.Reader) Archive {
	if w.holding == "" {
		return req.Archive
	}
	info := registry.Info{Name: where.registry}
	for _, known := range req.Registries {
		if known.Name == where.registry {
			info = known
		}
	}
	all := archive.Stack{archive.NewRepository(info, w.holding, reader, nil)}
	if req.Archive != nil {
		all = append(archive.Stack{reading{req.Archive}}, all...)
	}
	return all
}

// reading is an archive that nobody keeps in.
type reading struct{ Archive }

// Keep does nothing.
func (reading) Keep(context.Context, archive.Entry, archive.Source) error { return nil }

// place is one repository.
type place struct{ registry, repository string }

func (p place) compare(other place) int {
	return strings.Compare(p.registry+"\x00"+p.repository, other.registry+"\x00"+other.repository)
}

// want is what has to be in one repository.
type want struct {
	manifests map[oci.Digest]oci.RawManifest // archived bytes
	deleted   map[oci.Digest]bool            // by the run
	tags      map[string]oci.Digest
	holding   string // the holding repository of what went into quarantine; "": none
}

// collect reads from plan, journal and archive what a run took away, or may
// have taken away.
func collect(req Request) map[place]*want {
	wanted := map[place]*want{}
	at := func(where place) *want {
		if wanted[where] == nil {
			wanted[where] = &want{manifests: map[oci.Digest]oci.RawManifest{}, deleted: map[oci.Digest]bool{}, tags: map[string]oci.Digest{}}
		}
		return wanted[where]
	}
	kept, took := map[int]bool{}, map[int]bool{}
	for _, entry := range req.Entries {
		kept[entry.Seq] = true
	}
	if req.Plan != nil {
		for _, s := range req.Plan.Steps {
			// What was archived and then found gone went along with its subject.
			along := kept[s.Seq] && req.State.Last[s.Seq].Status == journal.AlreadyGone
			if !req.State.Acted[s.Seq] && !along {
				continue
			}
			took[s.Seq] = true
			w := at(place{s.Registry, s.Repository})
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
	}
	for _, entry := range req.Entries {
		if req.Plan != nil && !took[entry.Seq] {
			continue
		}
		w := at(place{entry.Registry, entry.Repository})
		w.manifests[entry.Manifest.Digest] = entry.Manifest
		if req.Plan != nil {
			continue
		}
		w.deleted[entry.Manifest.Digest] = true
		for _, tag := range entry.Tags {
			w.tags[tag] = entry.Manifest.Digest
		}
	}
	return wanted
}

// only narrows down to references with everything below them and attached to
// them.
func only(wanted map[place]*want, references []oci.Reference) map[place]*want {
	narrowed := map[place]*want{}
	for where, w := range wanted {
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
			continue
		}
		n := &want{manifests: w.manifests, deleted: map[oci.Digest]bool{}, tags: tags, holding: w.holding}
		for digest := range w.deleted {
			n.deleted[digest] = picked[digest]
		}
		maps.DeleteFunc(n.deleted, func(_ oci.Digest, picked bool) bool { return !picked })
		narrowed[where] = n
	}
	return narrowed
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
