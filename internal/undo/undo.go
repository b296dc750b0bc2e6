// Package undo turns what a run did into a plan that puts it back: the journal
// says what, the archive has the bytes, and a look at the registry tells what
// is missing and what others have done since.
//
// It promises that its plan only adds: nothing that is there is changed, except
// tags that the caller asked to have back. It cannot change a registry; the
// plan is carried out by the same machinery as every other. It reads and plans
// a repository at a time, and holds no more than the largest one.
package undo

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	ID  string // of the plan
	Run journal.Run
	// Removed yields what the run took away, each repository once. An error ends
	// it.
	Removed iter.Seq2[*Removed, error]
	// Registries and Readers of the run, by registry.Info.Name.
	Registries []registry.Info
	Readers    map[string]registry.Reader
	// Archive has what was kept whole; nil where only manifests were. Place is
	// where it is, for the plan.
	Archive Archive
	Place   string
	// Notices are written into the plan.
	Notices []plan.Notice
	// Only restores these tags or digests, with what hangs on them; empty: all.
	Only []oci.Reference
	// Overwrite takes tags back that point elsewhere by now.
	Overwrite bool
	// Concurrency is how many looks may be under way at once; 0: registry.MostInFlight.
	Concurrency int
	Now         time.Time
	Tool        string
}

// Removed is what a run did in one repository.
type Removed struct {
	Registry, Repository string
	// Steps of the plan that the run carried out, and where they stand. Without
	// steps (the state was lost) everything that was archived is put back.
	Steps []plan.Step
	State journal.State
	// Entries are what was archived.
	Entries []archive.Entry
}

// FromArchive is what entries tell where there is nothing else.
func FromArchive(entries []archive.Entry) iter.Seq2[*Removed, error] {
	by := map[place]*Removed{}
	for _, entry := range entries {
		where := place{entry.Registry, entry.Repository}
		if by[where] == nil {
			by[where] = &Removed{Registry: entry.Registry, Repository: entry.Repository}
		}
		by[where].Entries = append(by[where].Entries, entry)
	}
	return func(yield func(*Removed, error) bool) {
		for _, where := range slices.SortedFunc(maps.Keys(by), place.compare) {
			if !yield(by[where], nil) {
				return
			}
		}
	}
}

// Output takes the lines of the plan; plan.Writer is one.
type Output interface {
	Line(line any) error
	End(summary *plan.Summary) error
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
// come before their index, manifests before their tags, attachments last. What
// was written is no plan where it returns an error.
func Build(ctx context.Context, req Request, out Output) (plan.Header, error) {
	header := plan.Header{
		Type: "plan", Version: plan.Version, Kind: "restore", Run: req.Run.ID, Created: req.Now, Now: req.Now,
		ID: req.ID, Expires: req.Now.Add(24 * time.Hour),
		Tool: req.Tool, Archive: req.Place, Registries: req.Registries, Evidence: []plan.Evidence{},
	}
	if err := out.Line(&header); err != nil {
		return header, err
	}
	var summary plan.Summary
	for removed, err := range req.Removed {
		if err != nil {
			return header, err
		}
		if err := repository(ctx, &req, removed, &summary, out); err != nil {
			return header, err
		}
	}
	if len(req.Only) > 0 && summary.Repositories == 0 {
		return header, fmt.Errorf("run %s: %w: %v", req.Run.ID, ErrNothing, req.Only)
	}
	for i := range req.Notices {
		if err := out.Line(&req.Notices[i]); err != nil {
			return header, err
		}
	}
	return header, out.End(&summary)
}

// repository plans one repository, writes its lines and counts them.
func repository(ctx context.Context, req *Request, removed *Removed, summary *plan.Summary, out Output) error {
	where := place{removed.Registry, removed.Repository}
	w := removed.want()
	if len(req.Only) > 0 {
		w = w.only(where, req.Only)
	}
	if w.nothing() {
		return nil
	}
	reader := req.Readers[where.registry]
	if reader == nil {
		return fmt.Errorf("run %s removed from %s, which is not among the registries of this command", req.Run.ID, where.registry)
	}
	r := &restoration{
		content: content(req, where, w, reader), Request: req, place: where, want: w, reader: reader,
		back: map[oci.Digest]bool{}, blobs: map[oci.Digest]bool{}, heads: map[string]oci.Descriptor{},
	}
	if err := r.build(ctx); err != nil {
		return err
	}
	summary.Repositories++
	for i := range r.steps {
		summary.Steps++
		r.steps[i].Seq = summary.Steps
		if err := out.Line(&r.steps[i]); err != nil {
			return err
		}
	}
	for i := range r.blocked {
		summary.Blocked++
		if err := out.Line(&r.blocked[i]); err != nil {
			return err
		}
	}
	return nil
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
