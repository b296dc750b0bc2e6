package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
)

func (p *program) casesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test FILE…", Short: "Run cases: an inventory, an instant, and the verdicts that are expected",
		Long: `Runs the cases of each FILE against the policy that it names, without a registry.
Exit code 0 when all hold, 1 when one fails, 2 when a file is wrong.`,
		Example: "  regkeep policy test policy.test.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("policy test needs a FILE of cases")
			}
			failed, cases := 0, 0
			var wrong, told error
			for _, file := range args {
				results, err := app.TestPolicy(cmd.Context(), file)
				if err != nil { // the other files are tested all the same
					if err = p.tellProblems(err); errors.As(err, new(*shown)) {
						told = err
					} else {
						wrong = errors.Join(wrong, err)
					}
					continue
				}
				missed, err := p.tellCases(file, results)
				if err != nil {
					return err
				}
				failed, cases = failed+missed, cases+len(results)
			}
			if failed > 0 && !p.json() {
				fmt.Fprintf(p.t.out, "%d of %s failed\n", failed, count(cases, "case"))
			}
			switch {
			case wrong != nil:
				return wrong
			case told != nil:
				return told
			case failed > 0:
				return &shown{app.Failed}
			}
			return nil
		},
	}
}

type caseLine struct {
	Type       string `json:"type"` // "case", "miss"
	File       string `json:"file"`
	Name       string `json:"name"`
	OK         *bool  `json:"ok,omitempty"` // of a case
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Repository string `json:"repository,omitempty"`
	Tag        string `json:"tag,omitempty"`
	Want       string `json:"want,omitempty"`
	Got        string `json:"got,omitempty"`
	Why        string `json:"why,omitempty"`
	Policy     string `json:"policy,omitempty"`
	PolicyLine int    `json:"policy_line,omitempty"`
}

// tellCases writes the cases of a file and says how many failed.
func (p *program) tellCases(file string, results []app.CaseResult) (failed int, err error) {
	lines := json.NewEncoder(p.t.out)
	for _, result := range results {
		ok := len(result.Misses) == 0
		if !ok {
			failed++
		}
		if p.json() {
			if err := lines.Encode(caseLine{Type: "case", File: file, Name: result.Name, OK: &ok}); err != nil {
				return failed, err
			}
		} else {
			mark := p.t.paint.green("ok  ")
			if !ok {
				mark = p.t.paint.red("FAIL")
			}
			fmt.Fprintf(p.t.out, "%s  %s: %s\n", mark, file, result.Name)
		}
		for _, miss := range result.Misses {
			line := caseLine{Type: "miss", File: file, Name: result.Name, Line: miss.Line, Column: miss.Column, Repository: miss.Repository, Tag: miss.Tag,
				Want: miss.Want, Got: cmp.Or(miss.Got.Verdict, "no such tag"), Why: sentences(miss.Got, result.Now)}
			for _, reason := range miss.Got.Reasons {
				if reason.Line > 0 && line.PolicyLine == 0 {
					line.Policy, line.PolicyLine = result.Policy, reason.Line
				}
			}
			if p.json() {
				if err := lines.Encode(line); err != nil {
					return failed, err
				}
				continue
			}
			p.tellMiss(line)
		}
	}
	return failed, nil
}

func (p *program) tellMiss(line caseLine) {
	name := line.Repository + ":" + line.Tag
	if strings.HasPrefix(line.Tag, "@") { // an image without a tag
		name = line.Repository + line.Tag
	}
	fmt.Fprintf(p.t.out, "      %s:%d:%d: %s: want %s, got %s", line.File, line.Line, line.Column, name, line.Want, line.Got)
	if line.Why != "" {
		fmt.Fprintf(p.t.out, ": %s", line.Why)
	}
	if line.PolicyLine > 0 {
		fmt.Fprintf(p.t.out, " (%s:%d)", line.Policy, line.PolicyLine)
	}
	fmt.Fprintln(p.t.out)
}
