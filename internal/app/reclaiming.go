package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/nexus"
)

// What reclaiming returns, for callers that must not know adapters.
type (
	ReclaimStep   = nexus.ReclaimStep
	ReclaimReport = nexus.ReclaimReport
)

// ReclaimRequest is what to reclaim and how.
type ReclaimRequest struct {
	Repository  string // "" for all
	Wait        bool
	CreateTasks bool
	Tasks       []string
	Timeout     time.Duration // 0: no bound
}

// Reclaim is a garbage collection that is about to run.
type Reclaim struct {
	Info     registry.Info
	Steps    []ReclaimStep
	Warnings []string
	// Advice is what the operator of the registry must do by hand; then there
	// is nothing to run.
	Advice []string
	// Ends lists the runs that can no longer be undone afterwards.
	Ends []string

	began    func(ctx context.Context) error
	prepared *nexus.Reclamation
	opened   *opened
}

// PrepareReclaim finds out what would free the disk. It changes nothing.
func (a *App) PrepareReclaim(ctx context.Context, written string, request ReclaimRequest) (*Reclaim, error) {
	target, err := a.oneRegistry(written)
	if err != nil {
		return nil, err
	}
	o, err := a.open(ctx, target)
	if err != nil {
		return nil, err
	}
	r := &Reclaim{Info: o.info, opened: o, began: func(ctx context.Context) error {
		state, err := a.store()
		if err != nil {
			return err
		}
		return state.Collected(ctx, o.info.URL, a.opts.Clock())
	}}
	server, is := registry.As[*nexus.Registry](o.reader)
	if !is {
		r.Advice = advice(o.info)
		return r, nil
	}
	r.prepared, err = nexus.PrepareReclaim(ctx, server, nexus.ReclaimOptions{
		Repository: request.Repository, Wait: request.Wait, CreateTasks: request.CreateTasks,
		Tasks: request.Tasks, Timeout: request.Timeout, Events: a.opts.Events,
	})
	if err != nil {
		o.close()
		return nil, advise(target.Name, err)
	}
	r.Steps, r.Warnings = r.prepared.Steps, r.prepared.Warnings
	if r.Ends, err = a.endedUndos(ctx, o.info.Name); err != nil {
		o.close()
		return nil, err
	}
	return r, nil
}

// endedUndos lists the runs whose removals lie in the registry only until its
// garbage is collected.
func (a *App) endedUndos(ctx context.Context, name string) ([]string, error) {
	reports, err := a.Runs(ctx)
	if err != nil {
		return nil, err
	}
	var ends []string
	for _, report := range reports {
		if slices.Contains(report.Run.Registries, name) && report.Undoable[plan.UndoUntilGC] > 0 && len(report.UndoneBy) == 0 {
			ends = append(ends, report.Run.ID)
		}
	}
	return ends, nil
}

// advice says how space comes back where no request can bring it. The warning
// is distribution#3178: with -m, version 2.8 deletes the platform images of
// multi-platform images that are in use.
func advice(info registry.Info) []string {
	lines := []string{
		"No request frees the disk of this registry: its operator runs its garbage collection, on the machine where the storage is.",
		"1. Stop the registry, or make it read-only (storage: maintenance: readonly: enabled: true): what is pushed meanwhile can be lost.",
		"2. Run: registry garbage-collect /etc/distribution/config.yml (version 2: /etc/docker/registry/config.yml)",
		"3. Start it again.",
	}
	if !strings.HasPrefix(info.Version, "3") {
		lines = append(lines, "Leave out -m (--delete-untagged): before version 3 it also deletes the platform images of multi-platform images that are in use (distribution#3178). regkeep has deleted the untagged manifests that may go already.")
	}
	return lines
}

// Run runs what was prepared and reports the bytes that came back.
// From its beginning on, what lay in the registry until then may be gone.
func (r *Reclaim) Run(ctx context.Context) (ReclaimReport, error) {
	if err := r.began(ctx); err != nil {
		return ReclaimReport{}, err
	}
	report, err := r.prepared.Run(ctx)
	return report, advise(r.Info.Name, err)
}

// Close ends the connection.
func (r *Reclaim) Close() { r.opened.close() }
