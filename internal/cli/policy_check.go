package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/policy"
)

func (p *program) checkCommand() *cobra.Command {
	var inventory string
	var c choice
	cmd := &cobra.Command{
		Use: "check [FILE] [TARGET…]", Short: "Read a policy file and say what is wrong with it, and what it does on real images",
		Long: `Reads a policy file and says what is wrong with it or looks like a mistake.

With a TARGET, or with --inventory and a file that "regkeep ls --save" wrote, it
also shows what every line matches there: lines that match nothing, or far less
than in the last plan, are warned of. The file is the first word, or -f FILE.`,
		Example: `  regkeep policy check policy.yaml
  regkeep policy check policy.yaml registry.example.com
  regkeep policy check policy.yaml --inventory saved.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := p.flags.file
			if file == "" && len(args) > 0 {
				file, args = args[0], args[1:]
			}
			switch {
			case file == "":
				return usageError("policy check needs a FILE")
			case inventory != "" && len(args) > 0:
				return usageError("--inventory says what to look at; leave out %s", args[0])
			case inventory == "" && len(args) == 0 && c.now != "":
				return usageError("--now: there is nothing to look at then; name a TARGET or give --inventory FILE")
			}
			return p.checkPolicy(cmd.Context(), file, args, inventory, &c)
		},
	}
	cmd.Flags().StringVar(&inventory, "inventory", "", "show what every line matches in a `FILE` that \"ls --save\" wrote")
	cmd.Flags().StringVar(&c.now, "now", "", "decide as if it were this `TIME`")
	cmd.Flags().BoolVar(&c.strict, "strict", false, "fail where there is a warning")
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

// coverLine is one line of the policy with what it matches.
type coverLine struct {
	Type    string `json:"type"` // "coverage"
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Text    string `json:"text"`
	Shields string `json:"shields,omitempty"`
	Matched int    `json:"matched"`
	Unknown int    `json:"unknown"`
}

func (p *program) checkPolicy(ctx context.Context, file string, targets []string, inventory string, c *choice) error {
	read, err := app.CheckPolicy(file)
	if err != nil {
		return p.tellProblems(err)
	}
	warnings := read.Warnings()
	coverage, err := p.coverage(ctx, read, file, targets, inventory, c)
	if err != nil {
		return err
	}
	if coverage != nil {
		warnings = append(warnings, coverage.Warnings...)
	}
	if p.json() {
		err = p.checkJSON(file, read, coverage, warnings)
	} else {
		err = p.checkText(file, coverage, warnings)
	}
	if err == nil && c.strict && len(warnings) > 0 {
		return &shown{app.Refused}
	}
	return err
}

// coverage looks at real images where some were named; nil where not.
func (p *program) coverage(ctx context.Context, read *policy.Policy, file string, targets []string, inventory string, c *choice) (*app.Coverage, error) {
	now, err := c.instant()
	switch {
	case err != nil:
		return nil, err
	case inventory != "":
		return app.CoverInventory(ctx, read, inventory, now)
	case len(targets) == 0:
		return nil, nil
	}
	p.flags.file = file // it may hold registries too
	a, err := p.open()
	if err != nil {
		return nil, err
	}
	named, err := a.Targets(targets)
	if err != nil {
		return nil, err
	}
	coverage, err := a.Cover(ctx, read, named, now)
	p.progress.clear()
	return coverage, err
}

func (p *program) checkJSON(file string, read *policy.Policy, coverage *app.Coverage, warnings []policy.Warning) error {
	lines := json.NewEncoder(p.t.out)
	lines.SetEscapeHTML(false)
	var errs []error
	for _, w := range warnings {
		errs = append(errs, lines.Encode(checkLine{Type: "warning", File: file, Code: w.Code, Scope: w.Scope, Message: w.Message}))
	}
	if coverage != nil {
		for _, l := range coverage.Lines {
			errs = append(errs, lines.Encode(coverLine{"coverage", string(l.Kind), l.Path, l.Line, l.Text, l.Shields, l.Matched, l.Unknown}))
		}
	}
	return errors.Join(append(errs, lines.Encode(checkLine{Type: "summary", File: file, Hash: read.Hash()}))...)
}

func (p *program) checkText(file string, coverage *app.Coverage, warnings []policy.Warning) error {
	if coverage != nil {
		p.coverText(coverage)
	}
	for _, warning := range warnings {
		fmt.Fprintf(p.t.out, "%s %s: %s\n", p.t.paint.yellow("warning"), p.t.paint.bold(warning.Scope), warning.Message)
	}
	verdict := p.t.paint.green("is a valid policy")
	if len(warnings) > 0 {
		verdict = "is a valid policy with " + count(len(warnings), "warning")
	}
	_, err := fmt.Fprintf(p.t.out, "%s %s\n", file, verdict)
	return err
}

// coverText is a table of the policy's lines with what they do.
func (p *program) coverText(c *app.Coverage) {
	fmt.Fprintf(p.t.out, "%s in %s as of %s\n\n", count(c.Roots, "root"), count(c.Repositories, "repository|repositories"), c.Now.Format("2006-01-02 15:04 UTC"))
	t := newTable(p.t, "  ", "line", "what stands there", "does")
	for _, l := range c.Lines {
		t.row(strconv.Itoa(l.Line), coverWhat(l), coverDone(l))
	}
	t.write(p.t.out)
	if !c.Whole {
		fmt.Fprintln(p.t.out, "\nOnly part was looked at: what matches nothing here may match elsewhere.")
	}
	fmt.Fprintln(p.t.out)
}

// coverWhat is a line of the policy, what stands in it below it.
func coverWhat(l app.Covered) string {
	switch l.Kind {
	case policy.CountPolicy:
		return "policy " + l.Text
	case policy.CountRule:
		return "  rule " + l.Text
	}
	text, indent := l.Text, "    "
	if l.Kind != policy.CountItem {
		text, indent = "- "+l.Text, "      "
	}
	if l.Shields == "protect" {
		indent = indent[4:]
	}
	if l.Kind == policy.CountItem {
		text = l.Shields + " " + text
	}
	return indent + text
}

func coverDone(l app.Covered) string {
	done := ""
	switch l.Kind {
	case policy.CountPolicy:
		return "governs " + count(l.Matched, "repository|repositories")
	case policy.CountRule:
		done = "claims " + count(l.Matched, "root")
		if l.Unknown > 0 {
			done += fmt.Sprintf(", %d are held", l.Unknown)
		}
		return done
	case policy.CountItem:
		return "decides " + strconv.Itoa(l.Matched)
	}
	done = "matches " + count(l.Matched, "root")
	if l.Unknown > 0 {
		done += fmt.Sprintf(", not known of %d", l.Unknown)
	}
	return done
}
