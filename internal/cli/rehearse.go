package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/policy"
)

// rehearsal is the flags of plans that touch no registry.
type rehearsal struct {
	inventory    string
	compare      string
	every, until string
}

func (r *rehearsal) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.inventory, "inventory", "", "rehearse on a `FILE` that \"ls --save\" wrote, without a registry")
	cmd.Flags().StringVar(&r.compare, "compare", "", "with --inventory, show which verdicts the policy in this `FILE` changes")
	cmd.Flags().StringVar(&r.every, "every", "", "with --inventory and --for, show what would go at each `STEP`, such as 1d, if nothing new came")
	cmd.Flags().StringVar(&r.until, "for", "", "how `LONG` to look ahead, such as 90d")
}

// check refuses what makes no sense beside --inventory.
func (r *rehearsal) check(args []string, output string) error {
	switch {
	case (r.every == "") != (r.until == ""):
		return usageError("--every and --for belong together: --every 1d --for 90d")
	case r.every != "" && r.compare != "":
		return usageError("--compare looks at one instant; leave out --every and --for")
	case r.inventory == "" && (r.every != "" || r.compare != ""):
		return usageError("--every, --for and --compare need --inventory FILE")
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
	switch {
	case r.every != "":
		return p.foresee(ctx, a, request, r)
	case r.compare != "":
		return p.comparePolicies(ctx, a, request, r.compare)
	}
	made, err := a.Rehearse(ctx, request)
	if made == nil {
		return err
	}
	p.progress.clear()
	if p.json() {
		return errors.Join(made.Copy(p.t.out, c.selection()), outcomeOf(err))
	}
	view := planView{t: p.t, plan: made, verdicts: c.selection(), quiet: p.flags.quiet}
	return errors.Join(view.write(p.t.out), outcomeOf(err))
}
