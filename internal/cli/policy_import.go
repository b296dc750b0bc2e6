package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/foreign"
)

// longestImport is more than any policy of another tool holds.
const longestImport = 4 << 20

func (p *program) importCommand() *cobra.Command {
	var long strings.Builder
	long.WriteString("Turn a retention policy of another tool into a policy file.\n\n" +
		"The policy is written to standard output, and what became of every part of the original to standard error.\n" +
		"It removes nothing that the original would keep: what cannot be said is dropped, and then the exit code is 4.\n\nFormats:\n")
	var names []string
	for _, format := range foreign.Formats() {
		names = append(names, format.Name)
		fmt.Fprintf(&long, "  %-20s %s\n", format.Name, format.What)
	}
	return &cobra.Command{
		Use: "import FORMAT FILE", Short: "Turn a retention policy of another tool into a policy file", Long: strings.TrimSuffix(long.String(), "\n"),
		Example:   "  aws ecr get-lifecycle-policy --repository-name app --query lifecyclePolicyText --output text | regkeep policy import ecr - > policy.yaml",
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("policy import needs a FORMAT and a FILE; formats are %s", strings.Join(names, ", "))
			}
			return p.importPolicy(args[0], args[1])
		},
	}
}

type importLine struct {
	Type   string `json:"type"` // "note", "policy"
	Where  string `json:"where,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Text   string `json:"text"`
	Format string `json:"format,omitempty"`
}

// importPolicy reads the original from a file, or from standard input where the
// file is "-".
func (p *program) importPolicy(format, file string) error {
	source, name := io.Reader(p.stdin), "standard input"
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return usageError("policy import: %w", err)
		}
		defer opened.Close()
		source, name = opened, file
	}
	data, err := io.ReadAll(io.LimitReader(source, longestImport+1))
	if err != nil {
		return fmt.Errorf("policy import: %s: %w", name, err)
	}
	if len(data) > longestImport {
		return usageError("policy import: %s has more than %d MiB", name, longestImport>>20)
	}
	result, err := foreign.Import(format, data)
	if err != nil {
		return usageError("policy import: %s: %w", name, err)
	}
	if err := p.showImport(format, result); err != nil {
		return err
	}
	if result.Incomplete() {
		return &shown{app.Partial}
	}
	return nil
}

func (p *program) showImport(format string, result foreign.Result) error {
	if p.json() {
		lines := json.NewEncoder(p.t.out)
		for _, note := range result.Notes {
			if err := lines.Encode(importLine{Type: "note", Where: note.Where, Kind: string(note.Kind), Text: note.Text}); err != nil {
				return err
			}
		}
		return lines.Encode(importLine{Type: "policy", Format: format, Text: string(result.Policy)})
	}
	for _, note := range result.Notes {
		kind := string(note.Kind)
		switch note.Kind {
		case foreign.Dropped, foreign.Wider:
			kind = p.t.alarm.yellow(kind)
		case foreign.Exact:
			kind = p.t.alarm.green(kind)
		}
		where := note.Where
		if where != "" {
			where = " " + p.t.alarm.bold(where)
		}
		p.say("%s%s: %s", kind, where, note.Text)
	}
	_, err := p.t.out.Write(result.Policy)
	return err
}
