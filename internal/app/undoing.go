package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// PlanUndo plans to put back what a run removed. It changes nothing.
func (a *App) PlanUndo(ctx context.Context, wanted UndoRequest) (*plan.Stored, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	request := undo.Request{Overwrite: wanted.Overwrite, Now: a.now(), Tool: a.opts.Tool, Readers: map[string]registry.Reader{}}
	at, err := a.remember(ctx, state, wanted, &request)
	if err != nil {
		return nil, err
	}
	var from *kept
	var notices []plan.Notice
	if at != "" {
		if from, err = a.openArchive(ctx, at, false); err != nil && (wanted.Archive != "" || request.Plan == nil) {
			return nil, err
		}
		if err != nil { // until the registry's garbage is collected it is not needed
			notices = append(notices, plan.Notice{Type: "warning", Code: "no-archive", Scope: "archive " + at, Message: err.Error(), Lift: "--archive"})
			at = ""
		}
	}
	stack := archive.Stack{state}
	if from != nil {
		defer from.close()
		stack = append(stack, from)
	}
	request.Archive = stack
	if request.Plan == nil {
		if request.Entries, request.Registries, err = archivedEntries(ctx, from, wanted.Run); err != nil {
			return nil, err
		}
		if len(request.Entries) == 0 {
			return nil, &Failure{Kind: Usage, Err: fmt.Errorf("run %q is neither in the state nor in archive %s", wanted.Run, at), Next: fmt.Sprintf("See what it holds with `regkeep undo --archive %s`", at)}
		}
		request.Run = journal.Run{ID: wanted.Run, Kind: "remove"}
		for _, info := range request.Registries {
			request.Run.Registries = append(request.Run.Registries, info.Name)
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
	p, err := undo.Build(ctx, request)
	if errors.Is(err, undo.ErrNothing) {
		return nil, &Failure{Kind: Usage, Err: err, Next: fmt.Sprintf("See what it removed with `regkeep runs %s`", wanted.Run)}
	}
	if err != nil {
		return nil, err
	}
	p.Header.Archive, p.Notices = at, append(p.Notices, notices...)
	made, err := a.keep(p)
	if err != nil {
		return nil, err
	}
	if len(p.Blocked) > 0 {
		return made, &Failure{Kind: Partial, Err: fmt.Errorf("%d tags and manifests cannot be put back", len(p.Blocked))}
	}
	return made, nil
}

// remember fills in what the state knows of a run, and says where its archive
// is. A run that the state does not know needs an archive that the user names.
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
	request.Run = run
	removed, err := planOf(ctx, state, run.ID)
	if err != nil {
		return "", err
	}
	if request.Plan, err = wholePlan(removed); err != nil {
		return "", err
	}
	if request.State, err = state.Replay(ctx, run.ID); err != nil {
		return "", err
	}
	request.Entries, err = state.Entries(ctx, run.ID)
	return at, err
}

// reopenFor reaches the registries of an undo.
func (a *App) reopenFor(ctx context.Context, request *undo.Request) (*session, error) {
	infos := request.Registries
	if request.Plan != nil {
		for _, info := range request.Plan.Header.Registries {
			if slices.ContainsFunc(request.Plan.Steps, func(step plan.Step) bool { return step.Registry == info.Name }) {
				infos = append(infos, info)
			}
		}
	}
	s, err := a.reopenEach(ctx, infos)
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

// wholePlan reads a plan for those that need it whole.
func wholePlan(p *plan.Stored) (*plan.Plan, error) {
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	whole, err := plan.Read(text)
	return whole, errors.Join(err, text.Close())
}
