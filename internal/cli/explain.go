package cli

import (
	"github.com/spf13/cobra"
)

func (p *program) explainCommand() *cobra.Command {
	var c choice
	cmd := &cobra.Command{
		Use:   "explain REF",
		Short: "Show every condition, its value and evidence, for one image",
		Long: `Shows for one image which policy and rule are about it, what every condition
says and on which fact that rests, the verdict, and what happens to the
manifest. REF is HOST/REPOSITORY:TAG, or HOST/REPOSITORY@DIGEST for an untagged
image.`,
		Example: `  regkeep explain registry.example.com/shop/cart:v1.4.0 -f policy.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			ref, err := a.ParseReference(args[0])
			if err != nil {
				return err
			}
			rules, err := c.read(cmd, a)
			if err != nil {
				return p.tellProblems(err)
			}
			now, err := c.instant()
			if err != nil {
				return err
			}
			explained, err := a.Explain(cmd.Context(), ref, rules, now)
			if err != nil {
				return err
			}
			p.progress.clear()
			return explanationView{p: p, e: explained}.write()
		},
	}
	c.bindPolicy(cmd)
	return cmd
}
