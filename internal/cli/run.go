package cli

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) runCommand() *cobra.Command {
	var c choice
	var e effect
	var reclaim bool
	cmd := &cobra.Command{
		Use:   "run [TARGET…]",
		Short: "Plan, show, ask, apply",
		Long: `Makes a plan, shows it, asks, and carries it out. With --yes nobody is asked,
and what nobody looks at is held to more limits: a repository that would lose
more than half of its tags, a registry that would lose more than 30 %, or a run
that would remove five times more than any of the last ten, is refused.`,
		Example: `  regkeep run registry.example.com --older-than 30d --keep 5
  regkeep run -f policy.yaml --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			level, err := e.level()
			if err != nil {
				return err
			}
			if !e.yes && !p.t.asks {
				return usageError("nobody is there to ask: write --yes to plan and apply without asking, or use plan and apply")
			}
			a, err := p.open()
			if err != nil {
				return err
			}
			request, err := c.request(cmd, a, args)
			if err != nil {
				return err
			}
			request.Automatic, request.Archive = e.yes, e.archive
			made, planErr := a.Plan(cmd.Context(), request)
			if made == nil {
				return planErr
			}
			p.progress.clear()
			if p.json() {
				if err := p.noticeLines(made); err != nil {
					return err
				}
			} else {
				view := planView{t: p.t, plan: made, verdicts: c.selection(), quiet: p.flags.quiet}
				if err := view.write(p.t.out); err != nil {
					return err
				}
			}
			if made.Summary.Steps == 0 {
				if p.json() {
					return errors.Join(newOutcomeView(p, made).nothing(), outcomeOf(planErr))
				}
				return outcomeOf(planErr)
			}
			if err := p.agree(cmd.Context(), made, e.yes); err != nil {
				return err
			}
			if !e.yes {
				if err := a.Accept(cmd.Context(), made.Header.ID); err != nil {
					return err
				}
			}
			if err := p.carryOut(cmd.Context(), a, app.ApplyRequest{Plan: made, Verify: level}); err != nil {
				return err
			}
			if reclaim {
				if err := p.reclaimAll(cmd.Context(), a, made); err != nil {
					return err
				}
			}
			return outcomeOf(planErr)
		},
	}
	c.bind(cmd)
	e.bind(cmd)
	e.keeps(cmd)
	cmd.Flags().BoolVar(&reclaim, "reclaim", false, "afterwards run the registry's own garbage collection")
	return cmd
}

// noticeLines writes what the plan of a run had to say, so that the reader of
// JSON learns why something was not done.
func (p *program) noticeLines(made *plan.Stored) error {
	lines := json.NewEncoder(p.t.out)
	for _, notice := range made.Notices {
		if err := lines.Encode(notice); err != nil {
			return err
		}
	}
	for blocked, err := range made.BlockedLines() {
		if err == nil {
			err = lines.Encode(blocked)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
