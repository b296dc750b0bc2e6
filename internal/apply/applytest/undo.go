package applytest

import (
	"bytes"
	"context"
	"iter"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/undo"
)

// Removed is a run in memory as an undo reads it, a repository at a time.
func Removed(p *plan.Plan, state journal.State, entries []archive.Entry) iter.Seq2[*undo.Removed, error] {
	return func(yield func(*undo.Removed, error) bool) {
		for repo, err := range (InMemory{Plan: p}).Repositories() {
			if err != nil {
				yield(nil, err)
				return
			}
			removed := &undo.Removed{Registry: repo.Registry, Repository: repo.Repository, Steps: repo.Steps, State: state}
			for _, entry := range entries {
				if entry.Registry == repo.Registry && entry.Repository == repo.Repository {
					removed.Entries = append(removed.Entries, entry)
				}
			}
			if !yield(removed, nil) {
				return
			}
		}
	}
}

// Undo builds the plan that puts back, and reads it as it was written.
func Undo(ctx context.Context, req undo.Request) (*plan.Plan, error) {
	var text bytes.Buffer
	if _, err := undo.Build(ctx, req, plan.NewWriter(&text)); err != nil {
		return nil, err
	}
	return plan.Read(&text)
}
