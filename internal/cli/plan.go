package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// choice is the flags that say what may go; plan, run and explain share them.
type choice struct {
	policy      policy.Flags
	now         string
	maxRemovals int
	limited     bool
	strict      bool
	verdicts    string
}

func (c *choice) bind(cmd *cobra.Command) {
	c.bindPolicy(cmd)
	f := cmd.Flags()
	f.IntVar(&c.maxRemovals, "max-removals", 0, "refuse to remove more than `N` tags")
	f.BoolVar(&c.strict, "strict", false, "refuse where there would be a warning about the policy")
	f.StringVar(&c.verdicts, "verdicts", "all", "show all verdicts or only those that remove")
}

func (c *choice) bindPolicy(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.policy.OlderThan, "older-than", "", "remove images older than `AGE`, such as 30d, 2w or 6mo")
	f.IntVar(&c.policy.Keep, "keep", 0, "keep at least the newest `N` images of each repository")
	f.StringArrayVar(&c.policy.Tags, "tags", nil, "only tags that match the `PATTERN`")
	f.StringArrayVar(&c.policy.Protect, "protect", nil, "never remove tags that match the `PATTERN`")
	f.StringVar(&c.now, "now", "", "decide as if it were this `TIME` (rehearsals)")
}

// read checks the flags and reads the policy that they or the file say.
func (c *choice) read(cmd *cobra.Command, a *app.App) (*policy.Policy, error) {
	if c.verdicts != "" && c.verdicts != "all" && c.verdicts != "remove" {
		return nil, usageError("--verdicts %s: there are all and remove", c.verdicts)
	}
	if flag := cmd.Flags().Lookup("max-removals"); flag != nil && flag.Changed {
		if c.limited = true; c.maxRemovals < 0 {
			return nil, usageError("--max-removals %d: must not be negative", c.maxRemovals)
		}
	}
	given := false
	for _, name := range []string{"older-than", "keep", "tags", "protect"} {
		given = given || cmd.Flags().Changed(name)
	}
	if cmd.Flags().Changed("keep") && c.policy.Keep < 1 {
		return nil, usageError("--keep %d: must be at least 1", c.policy.Keep)
	}
	return a.Policy(c.policy, given)
}

// instant is the time of --now; zero when it was not written.
func (c *choice) instant() (time.Time, error) {
	if c.now == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, c.now); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usageError("--now %s: write a time such as 2026-01-31 or 2026-01-31T12:00:00Z", c.now)
}

func (c *choice) selection() plan.Selection {
	if c.verdicts == "remove" {
		return plan.RemoveOnly
	}
	return plan.All
}

// request puts targets and flags together.
func (c *choice) request(cmd *cobra.Command, a *app.App, args []string) (app.PlanRequest, error) {
	var request app.PlanRequest
	var err error
	if request.Policy, err = c.read(cmd, a); err != nil {
		return request, err
	}
	if request.Now, err = c.instant(); err != nil {
		return request, err
	}
	if request.Targets, err = a.Targets(args); err != nil {
		return request, err
	}
	request.MaxRemovals = policy.Limit{Set: c.limited, N: c.maxRemovals}
	request.Strict = c.strict
	return request, nil
}

func (p *program) planCommand() *cobra.Command {
	var c choice
	var r rehearsal
	var output, archive string
	cmd := &cobra.Command{
		Use:   "plan [TARGET…]",
		Short: "Show what would go, and why; deletes nothing",
		Long: `Reads registries, decides about every tag and shows the verdicts with their
reasons. Nothing is deleted. With --output the plan is saved, to be carried out
by "regkeep apply".

TARGET is HOST[:PORT][/REPOSITORY-PATTERN], the base URL of a Nexus, or a
registry of the configuration. What may go is said by flags or by a file (-f).

With --inventory nothing is asked of a registry: the plan is a rehearsal on what
"regkeep ls --save" saved, at the time of saving or at --now, and cannot be
applied.`,
		Example: `  regkeep plan registry.example.com --older-than 30d --keep 5
  regkeep plan registry.example.com/shop/** -f policy.yaml --output plan.json
  regkeep plan --inventory saved.jsonl -f policy.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.check(args, output); err != nil {
				return err
			}
			if r.inventory != "" {
				return p.rehearse(cmd.Context(), cmd, &c, &r)
			}
			a, err := p.open()
			if err != nil {
				return err
			}
			request, err := c.request(cmd, a, args)
			if err != nil {
				return err
			}
			request.Archive = archive
			made, err := a.Plan(cmd.Context(), request)
			if made == nil {
				return err
			}
			return errors.Join(p.present(made, c.selection(), output), outcomeOf(err))
		},
	}
	c.bind(cmd)
	r.bind(cmd)
	cmd.Flags().StringVar(&archive, "archive", "", "plan for images to be kept, before they go, at this "+places)
	cmd.Flags().StringVarP(&output, "output", "o", "", "save the plan in this `FILE` (.gz and .zst are compressed)")
	return cmd
}

// present saves the plan where that was asked for, and shows it.
func (p *program) present(made *plan.Stored, verdicts plan.Selection, output string) error {
	p.progress.clear()
	if output != "" {
		if err := app.SavePlan(output, made, verdicts); err != nil {
			return err
		}
	}
	if p.json() {
		return made.Copy(p.t.out, verdicts)
	}
	view := planView{t: p.t, plan: made, verdicts: verdicts, quiet: p.flags.quiet}
	if err := view.write(p.t.out); err != nil {
		return err
	}
	switch {
	case made.Summary.Steps == 0:
		return nil
	case made.Header.Now.After(p.clock()):
		p.say("\nA rehearsal for %s, which is still to come: it cannot be applied.", made.Header.Now.Format("2006-01-02 15:04 MST"))
	case output != "":
		p.say("\nSaved in %s; carry it out with: regkeep apply %s", output, output)
	default:
		p.say("\nCarry it out with: regkeep apply %s", made.Header.ID)
	}
	return nil
}

// outcomeOf keeps the exit code of a failure that the view has told.
func outcomeOf(err error) error {
	if err == nil {
		return nil
	}
	var failure *app.Failure
	if errors.As(err, &failure) {
		return &shown{failure.Kind}
	}
	return err
}
