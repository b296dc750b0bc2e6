package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/policy"
)

func (p *program) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Look at policy files without touching a registry",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check := &cobra.Command{
		Use: "check [FILE]", Short: "Read a policy file and say what is wrong with it",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file := p.flags.file
			if len(args) == 1 {
				file = args[0]
			}
			if file == "" {
				return usageError("policy check needs a FILE")
			}
			return p.checkPolicy(file)
		},
	}
	schema := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of policy files, for editors",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.t.out, "%s\n", policy.Schema())
			return err
		},
	}
	cmd.AddCommand(check, schema, p.importCommand(), p.casesCommand())
	return cmd
}

type checkLine struct {
	Type    string `json:"type"` // "problem", "warning", "summary"
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Code    string `json:"code,omitempty"`
	Scope   string `json:"scope,omitempty"`
	Message string `json:"message,omitempty"`
	Suggest string `json:"suggestion,omitempty"`
	Hash    string `json:"hash,omitempty"`
}

func (p *program) checkPolicy(file string) error {
	read, err := app.CheckPolicy(file)
	if err != nil {
		return p.tellProblems(err)
	}
	lines := json.NewEncoder(p.t.out)
	warnings := read.Warnings()
	for _, warning := range warnings {
		if p.json() {
			if err := lines.Encode(checkLine{Type: "warning", File: file, Code: warning.Code, Scope: warning.Scope, Message: warning.Message}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(p.t.out, "%s %s: %s\n", p.t.paint.yellow("warning"), p.t.paint.bold(warning.Scope), warning.Message)
	}
	if p.json() {
		return lines.Encode(checkLine{Type: "summary", File: file, Hash: read.Hash()})
	}
	verdict := p.t.paint.green("is a valid policy")
	if len(warnings) > 0 {
		verdict = "is a valid policy with " + count(len(warnings), "warning")
	}
	_, err = fmt.Fprintf(p.t.out, "%s %s\n", file, verdict)
	return err
}
