package cli

import (
	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) undoCommand() *cobra.Command {
	var e effect
	var only []string
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "undo RUN",
		Short: "Put back what a run removed",
		Long: `Puts back manifests, tags and attachments that a run removed, each under its old
digest. A tag that points elsewhere by now is left alone unless --overwrite is
written. What can be put back depends on the registry: its blobs lie there
until its garbage collection has run. "regkeep runs" tells.`,
		Example: `  regkeep undo 20260131T120000Z-1a2b3c4d --only registry.example.com/shop/cart:v1.4.0`,
		Args:    cobra.ExactArgs(1),
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
			for _, written := range only {
				ref, err := a.ParseReference(written)
				if err != nil {
					return err
				}
				refs = append(refs, ref)
			}
			made, planErr := a.PlanUndo(cmd.Context(), args[0], refs, overwrite)
			if made == nil {
				return planErr
			}
			p.progress.clear()
			if !p.json() {
				if err := (planView{t: p.t, plan: made, verdicts: plan.All, quiet: p.flags.quiet}).write(p.t.out); err != nil {
					return err
				}
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
	cmd.Flags().StringArrayVar(&only, "only", nil, "put back only this `REF` (HOST/REPOSITORY:TAG or @DIGEST)")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "move tags back that point elsewhere by now")
	return cmd
}
