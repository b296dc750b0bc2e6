package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/store"
	"github.com/regkeep/regkeep/internal/undo"
)

// UndoRequest is what to put back.
type UndoRequest struct {
	Run string
	// Only these images, with what hangs on them; none: all.
	Only []Reference
	// Overwrite moves tags back that point elsewhere by now.
	Overwrite bool
	// Archive that has the content, as the user wrote it; "" for the one that
	// was written down with the run. With it, a run that the state does not know
	// is put back from what the archive tells.
	Archive string
}

// PlanUndo plans to put back what a run removed, and writes the plan beside the
// state while it looks. It changes nothing.
func (a *App) PlanUndo(ctx context.Context, wanted UndoRequest) (*plan.Stored, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	request := undo.Request{
		Overwrite: wanted.Overwrite, Concurrency: a.opts.Connection.Concurrency,
		Now: a.now(), Tool: a.opts.Tool, Readers: map[string]registry.Reader{},
	}
	at, err := a.remember(ctx, state, wanted, &request)
	if err != nil {
		return nil, err
	}
	lost := request.Removed == nil
	var from *kept
	if at != "" {
		if from, err = a.openArchive(ctx, at, false); err != nil && (wanted.Archive != "" || lost) {
			return nil, err
		}
		if err != nil { // until the registry's garbage is collected it is not needed
			request.Notices = append(request.Notices, plan.Notice{Type: "warning", Code: "no-archive", Scope: "archive " + at, Message: err.Error(), Lift: "--archive"})
			at = ""
		}
	}
	stack := archive.Stack{state}
	if from != nil {
		defer from.close()
		stack = append(stack, from)
	}
	request.Archive, request.Place = stack, at
	if lost {
		if err := tellFrom(ctx, from, at, wanted.Run, &request); err != nil {
			return nil, err
		}
	}
	session, err := a.reopenFor(ctx, &request)
	if err != nil {
		return nil, err
	}
	defer session.close()
	for _, ref := range wanted.Only {
		if !slices.Contains(request.Run.Registries, ref.Registry.Name) {
			return nil, misuse("%s: run %s removed nothing from %s", ref, wanted.Run, ref.Registry.Name)
		}
		request.Only = append(request.Only, oci.Reference{Registry: ref.Registry.Name, Repository: ref.Repository, Tag: ref.Tag, Digest: ref.Digest})
	}
	made, err := a.writeUndo(ctx, request)
	if errors.Is(err, undo.ErrNothing) {
		return nil, &Failure{Kind: Usage, Err: err, Next: fmt.Sprintf("See what it removed with `regkeep runs %s`", wanted.Run)}
	}
	if err != nil {
		return nil, err
	}
	if n := made.Summary.Blocked; n > 0 {
		return made, &Failure{Kind: Partial, Err: fmt.Errorf("%d tags and manifests cannot be put back", n)}
	}
	return made, nil
}

// writeUndo keeps the plan like every other.
func (a *App) writeUndo(ctx context.Context, request undo.Request) (*plan.Stored, error) {
	m, err := a.make()
	if err != nil {
		return nil, err
	}
	defer m.close()
	request.ID = "undo-" + request.Run.ID + "-" + newPlanID(request.Now)
	header, err := undo.Build(ctx, request, plan.NewWriter(m.packed))
	if err != nil {
		return nil, err
	}
	text, err := m.keep(header.ID)
	if err != nil {
		return nil, err
	}
	return plan.Open(text)
}

// tellFrom has the archive tell what a run removed that the state does not know.
func tellFrom(ctx context.Context, from *kept, at, run string, request *undo.Request) error {
	entries, infos, err := archivedEntries(ctx, from, run)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return &Failure{Kind: Usage, Err: fmt.Errorf("run %q is neither in the state nor in archive %s", run, at), Next: fmt.Sprintf("See what it holds with `regkeep undo --archive %s`", at)}
	}
	request.Removed, request.Registries = undo.FromArchive(entries), infos
	request.Run = journal.Run{ID: run, Kind: "remove"}
	for _, info := range infos {
		request.Run.Registries = append(request.Run.Registries, info.Name)
	}
	return nil
}

// remember fills in what the state knows of a run, and says where its archive
// is. A run that the state does not know needs an archive that the user names;
// then nothing is filled in.
func (a *App) remember(ctx context.Context, state *store.Store, wanted UndoRequest, request *undo.Request) (at string, err error) {
	run, err := state.Run(ctx, wanted.Run)
	if errors.Is(err, store.ErrNoRun) {
		at, placeErr := a.ArchivePlace(wanted.Archive)
		if placeErr != nil || at != "" {
			return at, placeErr
		}
		return "", &Failure{Kind: Usage, Err: err, Next: "If the state was lost, name the archive of the run with --archive"}
	}
	if err != nil {
		return "", err
	}
	if run.Kind != "remove" {
		return "", misuse("run %s put something back; there is nothing to undo", run.ID)
	}
	if written := cmp.Or(wanted.Archive, run.Archive); written != "" {
		if at, err = a.ArchivePlace(written); err != nil {
			return "", err
		}
	}
	carriedOut, err := planOf(ctx, state, run.ID)
	if err != nil {
		return "", err
	}
	for _, info := range carriedOut.Header.Registries {
		if carriedOut.StepsIn(info.Name) {
			request.Registries = append(request.Registries, info)
		}
	}
	request.Run, request.Removed = run, removedBy(ctx, state, run.ID, carriedOut)
	return at, nil
}

// removedBy reads what a run did, a repository at a time.
func removedBy(ctx context.Context, state *store.Store, run string, p *plan.Stored) iter.Seq2[*undo.Removed, error] {
	return func(yield func(*undo.Removed, error) bool) {
		for repo, err := range p.Steps() {
			removed := &undo.Removed{}
			if err == nil {
				*removed = undo.Removed{Registry: repo.Registry, Repository: repo.Repository, Steps: repo.Steps}
				first, last := repo.Steps[0].Seq, repo.Steps[len(repo.Steps)-1].Seq
				removed.State, err = state.Between(ctx, run, first, last)
				if err == nil {
					removed.Entries, err = state.Entries(ctx, run, first, last)
				}
			}
			if !yield(removed, err) || err != nil {
				return
			}
		}
	}
}

// reopenFor reaches the registries of an undo.
func (a *App) reopenFor(ctx context.Context, request *undo.Request) (*session, error) {
	s, err := a.reopenEach(ctx, request.Registries)
	if err != nil {
		return nil, err
	}
	request.Registries = nil
	for _, o := range s.opened {
		request.Registries = append(request.Registries, o.info)
		request.Readers[o.info.Name] = o.reader
	}
	return s, nil
}
