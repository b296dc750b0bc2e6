package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/store"
	"github.com/regkeep/regkeep/internal/undo"
)

// PlanUndo plans to put back what a run removed, all of it or only these
// images. It changes nothing. Tags that point elsewhere by now are moved back
// only with overwrite.
func (a *App) PlanUndo(ctx context.Context, id string, only []Reference, overwrite bool) (*plan.Stored, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	run, err := state.Run(ctx, id)
	if errors.Is(err, store.ErrNoRun) {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	if err != nil {
		return nil, err
	}
	if run.Kind != "remove" {
		return nil, misuse("run %s put something back; there is nothing to undo", id)
	}
	request := undo.Request{Run: run, Overwrite: overwrite, Now: a.now(), Tool: a.opts.Tool, Blobs: archive.Stack{state}, Readers: map[string]registry.Reader{}}
	removed, err := planOf(ctx, state, id)
	if err != nil {
		return nil, err
	}
	if request.Plan, _, err = inMemory(removed); err != nil {
		return nil, err
	}
	if request.State, err = state.Replay(ctx, id); err != nil {
		return nil, err
	}
	if request.Entries, err = state.Entries(ctx, id); err != nil {
		return nil, err
	}
	session, err := a.reopenAll(ctx, removed)
	if err != nil {
		return nil, err
	}
	defer session.close()
	for _, o := range session.opened {
		request.Registries = append(request.Registries, o.info)
		request.Readers[o.info.Name] = o.reader
	}
	for _, ref := range only {
		if !slices.Contains(run.Registries, ref.Registry.Name) {
			return nil, misuse("%s: run %s removed nothing from %s", ref, id, ref.Registry.Name)
		}
		request.Only = append(request.Only, oci.Reference{Registry: ref.Registry.Name, Repository: ref.Repository, Tag: ref.Tag, Digest: ref.Digest})
	}
	p, err := undo.Build(ctx, request)
	if errors.Is(err, undo.ErrNothing) {
		return nil, &Failure{Kind: Usage, Err: err, Next: fmt.Sprintf("See what it removed with `regkeep runs %s`", id)}
	}
	if err != nil {
		return nil, err
	}
	kept, err := a.keep(p)
	if err != nil {
		return nil, err
	}
	if len(p.Blocked) > 0 {
		return kept, &Failure{Kind: Partial, Err: fmt.Errorf("%d tags and manifests cannot be put back", len(p.Blocked))}
	}
	return kept, nil
}
