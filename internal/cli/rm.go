package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) rmCommand() *cobra.Command {
	var e effect
	cmd := &cobra.Command{
		Use:   "rm REF…",
		Short: "Remove single tags; what shares their image stays",
		Long: `Removes the tags that are named and nothing else. A tag that shares its image
with others is untagged; an image is deleted only with its last tag. Where a
registry cannot untag, the tag is blocked rather than its siblings deleted.
What the in-use sources of the configuration see in use is refused.

REF is HOST/REPOSITORY:TAG, or HOST/REPOSITORY@DIGEST for an untagged image.`,
		Example: `  regkeep rm registry.example.com/shop/cart:pr-123`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("rm needs at least one HOST/REPOSITORY:TAG")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			level, err := e.level()
			if err != nil {
				return err
			}
			a, err := p.open()
			if err != nil {
				return err
			}
			var refs []app.Reference
			for _, arg := range args {
				ref, err := a.ParseReference(arg)
				if err != nil {
					return err
				}
				refs = append(refs, ref)
			}
			if !e.yes && !p.t.asks {
				return usageError("nobody is there to ask: write --yes to remove without asking")
			}
			made, planErr := a.PlanRemoval(cmd.Context(), refs, e.archive)
			if made == nil {
				return planErr
			}
			p.progress.clear()
			if slices.ContainsFunc(refs, func(ref app.Reference) bool { return ref.Tag == "latest" }) {
				p.say("%s latest is among what is removed; policies never remove it by themselves.", p.t.alarm.yellow("Note:"))
			}
			if !p.json() {
				view := planView{t: p.t, plan: made, verdicts: plan.RemoveOnly, quiet: p.flags.quiet}
				if err := view.write(p.t.out); err != nil {
					return err
				}
			}
			if made.Summary.Steps == 0 {
				if planErr == nil {
					return &shown{app.Refused}
				}
				return outcomeOf(planErr)
			}
			if err := p.agree(cmd.Context(), made, e.yes); err != nil {
				return err
			}
			if err := p.carryOut(cmd.Context(), a, app.ApplyRequest{Plan: made, Verify: level}); err != nil {
				return err
			}
			return outcomeOf(planErr)
		},
	}
	e.bind(cmd)
	e.keeps(cmd)
	return cmd
}
