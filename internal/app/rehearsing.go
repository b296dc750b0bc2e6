package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/usage"
)

// Rehearsal is the kind of plans that were made without a registry. No apply
// takes one.
const Rehearsal = "rehearsal"

// RehearsalRequest is what to decide about, from a file that `ls --save`
// wrote.
type RehearsalRequest struct {
	Inventory string
	Policy    *policy.Policy
	// Now is the instant of all ages; zero for the one when the inventory was
	// saved.
	Now         time.Time
	MaxRemovals policy.Limit
	Strict      bool
}

// Rehearse plans from a saved inventory. It asks neither a registry nor an
// in-use source, and keeps nothing in the state.
func (a *App) Rehearse(ctx context.Context, request RehearsalRequest) (*plan.Stored, error) {
	stored, err := loadStock(ctx, request.Inventory, request.Policy)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	outline, err := a.rehearseOn(ctx, stored, request, plan.Stream(&text, &plan.Held{}))
	if err != nil {
		return nil, err
	}
	p := outline.Stored(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil })
	return p, verdictOf(outline)
}

// rehearseOn plans from an inventory in memory.
func (a *App) rehearseOn(ctx context.Context, stored *stock, request RehearsalRequest, out plan.Output) (*plan.Outline, error) {
	header := a.rehearsalHeader(stored, request)
	builder := plan.NewBuilder(header, plan.Options{Now: header.Now, MaxRemovals: request.MaxRemovals, Strict: request.Strict}, out)
	builder.Warn(request.Policy.Warnings()...)
	watch, err := stored.decide(ctx, request.Policy, header.Now, builder)
	if err != nil {
		return nil, err
	}
	builder.Warn(watch.warnings(nil, nil)...)
	var further []plan.Notice
	if len(a.file.InUse.Sources) > 0 {
		further = append(further, plan.Notice{
			Type: "warning", Code: codeEvidence, Scope: stored.saved.Info.Name, Lift: "in_use",
			Message: "a rehearsal asks nobody what is in use, so what rests on that is not known; a plan of the registry asks, and may remove less",
		})
	}
	return builder.Finish(0, 0, further...)
}

func (a *App) rehearsalHeader(stored *stock, request RehearsalRequest) plan.Header {
	now := request.Now.UTC()
	if request.Now.IsZero() {
		now = stored.saved.At.UTC()
	}
	created := a.now()
	return plan.Header{
		Type: "plan", Version: plan.Version, Kind: Rehearsal, ID: Rehearsal,
		Created: created, Now: now, Expires: created, Tool: a.opts.Tool, PolicyHash: request.Policy.Hash(),
		Registries: []registry.Info{stored.saved.Info}, Evidence: []plan.Evidence{},
	}
}

// stock is a saved inventory in memory.
type stock struct {
	saved        *inventory.Saved
	repositories []*inventory.Repository
	// evidence is what a policy case says of use; nil for a rehearsal, which
	// asks nobody.
	evidence *usage.Evidence
}

func loadStock(ctx context.Context, path string, demand inventory.Demand) (*stock, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("inventory: %w", err)
	}
	stored, err := readStock(ctx, bytes.NewReader(text), demand)
	switch {
	case errors.Is(err, inventory.ErrNotInventory):
		return nil, &Failure{Kind: Usage, Err: fmt.Errorf("%s: %w", path, inventory.ErrNotInventory), Next: "Name a file that `regkeep ls TARGET --save FILE` wrote"}
	case err != nil && ctx.Err() == nil:
		return nil, &Failure{Kind: Usage, Err: fmt.Errorf("%s: %w", path, err), Next: "Save the inventory again with `regkeep ls TARGET --save FILE`"}
	}
	return stored, err
}

func readStock(ctx context.Context, r io.Reader, demand inventory.Demand) (*stock, error) {
	saved, err := inventory.Load(r)
	if err != nil {
		return nil, err
	}
	stored := &stock{saved: saved}
	for repo, err := range saved.Scan(ctx, demand) {
		if err != nil {
			return nil, err
		}
		stored.repositories = append(stored.repositories, repo)
	}
	slices.SortFunc(stored.repositories, func(a, b *inventory.Repository) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name))
	})
	return stored, nil
}

// decide decides about every repository and plans it. It returns what the lines
// of the policy matched.
func (s *stock) decide(ctx context.Context, given *policy.Policy, now time.Time, builder *plan.Builder) (*watch, error) {
	rules, watch := rules{given}, newWatch(given)
	watched := watch.scope(s.saved.Info.Name, true)
	builder.Gaps(s.saved.Gaps()...)
	for _, repo := range s.repositories {
		report := rules.Evaluate(repo, s.evidence, now)
		watched.add(repo, &report)
		if removed := report.Removes(); len(removed) > 0 {
			var err error
			if repo, err = s.saved.Deepen(ctx, repo, removed); err != nil {
				return nil, err
			}
		}
		if err := builder.Add(repo, report, rules.Settings(report.Policy)); err != nil {
			return nil, err
		}
	}
	watched.gaps(s.saved.Gaps())
	return watch, nil
}
