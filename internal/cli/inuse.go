package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (p *program) inUseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "in-use [TARGET…]",
		Short: "List what is in use where, and which of it the registry has not got",
		Long: `Asks the sources of the configuration (in_use.sources) which images are in
use, and the registry whether it has them. Shows who uses what, which images in
use are missing, which sources could not tell everything, and which other hosts
references name: a mirror without an alias is found there.

Exit code 4 means that a source or an image could not be looked at; a missing
image is an answer and no failure.`,
		Example: `  regkeep in-use
  regkeep in-use registry.example.com/shop/** --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			targets, err := a.Targets(args)
			if err != nil {
				return err
			}
			seen, lookErr := a.LookInUse(cmd.Context(), targets)
			if seen == nil {
				return lookErr
			}
			p.progress.clear()
			view := inUseView{p: p, seen: seen}
			return errors.Join(view.write(), outcomeOf(lookErr))
		},
	}
}
