package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// rehearsal is the flags of plans that touch no registry.
type rehearsal struct {
	inventory string
}

func (r *rehearsal) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.inventory, "inventory", "", "rehearse on a `FILE` that \"ls --save\" wrote, without a registry")
}

// check refuses what makes no sense beside --inventory.
func (r *rehearsal) check(args []string, output string) error {
	switch {
	case r.inventory == "":
		return nil
	case len(args) > 0:
		return usageError("--inventory says what to decide about; leave out %s", args[0])
	case output != "":
		return usageError("--output: a plan from an inventory is a rehearsal and cannot be applied; plan from the registry to save one")
	}
	return nil
}

func (p *program) rehearse(ctx context.Context, cmd *cobra.Command, c *choice, r *rehearsal) error {
	a, err := p.open()
	if err != nil {
		return err
	}
	request := app.RehearsalRequest{Inventory: r.inventory, Strict: c.strict}
	if request.Policy, err = c.read(cmd, a); err != nil {
		return err
	}
	if request.Now, err = c.instant(); err != nil {
		return err
	}
	request.MaxRemovals = policy.Limit{Set: c.limited, N: c.maxRemovals}
	made, err := a.Rehearse(ctx, request)
	if made == nil {
		return err
	}
	p.progress.clear()
	if p.json() {
		return errors.Join(plan.Write(p.t.out, made, c.selection()), outcomeOf(err))
	}
	view := planView{t: p.t, plan: made, verdicts: c.selection(), quiet: p.flags.quiet}
	return errors.Join(view.write(p.t.out), outcomeOf(err))
}
