package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
)

func (p *program) lsCommand() *cobra.Command {
	var save string
	cmd := &cobra.Command{
		Use:   "ls [TARGET]",
		Short: "List registries, repositories, or tags with age, size and digest",
		Long: `Without a target lists the configured registries; with a registry its
repositories; with HOST/REPOSITORY or HOST/PATTERN the tags with what is known
of them. "HOST/**" lists all tags of a registry.`,
		Example: `  regkeep ls registry.example.com
  regkeep ls registry.example.com/shop/*`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			target := ""
			if len(args) == 1 {
				target = args[0]
			}
			if save != "" && target == "" {
				return usageError("--save needs a target")
			}
			listing, listErr := a.List(cmd.Context(), target, save != "")
			if listing == nil {
				return listErr
			}
			p.progress.clear()
			if save != "" && listErr == nil {
				if err := app.SaveListing(save, listing); err != nil {
					return err
				}
				p.say("Saved in %s.", save)
			}
			view := listingView{p: p, listing: listing, now: p.clock()}
			return errors.Join(view.write(), outcomeOf(listErr))
		},
	}
	cmd.Flags().StringVar(&save, "save", "", "save everything that was read as an inventory `FILE`")
	return cmd
}
