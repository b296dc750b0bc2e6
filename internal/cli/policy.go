package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/policy"
)

func (p *program) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Look at policy files",
		Args: p.noCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	schema := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of policy files, for editors",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.t.out, "%s\n", policy.Schema())
			return err
		},
	}
	cmd.AddCommand(p.checkCommand(), schema, p.importCommand(), p.casesCommand())
	return cmd
}
