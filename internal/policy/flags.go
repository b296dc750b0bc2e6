package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// Flags are a policy as it is written on the command line.
type Flags struct {
	OlderThan string   // --older-than: a duration; "" when not given
	Keep      int      // --keep: a number of images; 0 when not given
	Tags      []string // --tags: patterns of the tags that the rule claims; nil: all
	Protect   []string // --protect: patterns of tags that always stay
}

// FromFlags writes the flags as the policy file that means the same, to be
// given to Parse. The error names the flag that cannot be understood.
func FromFlags(flags Flags) ([]byte, error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("version: 1\n")
	if len(flags.Protect) > 0 {
		fmt.Fprintf(&b, "protect: [{tags: %s}]\n", quoted(flags.Protect))
	}
	tags := flags.Tags
	if len(tags) == 0 {
		tags = []string{"**"}
	}
	fmt.Fprintf(&b, "policies:\n  - repositories: [\"**\"]\n    rules:\n      - tags: %s\n", quoted(tags))
	if flags.OlderThan == "" {
		fmt.Fprintf(&b, "        remove: [{beyond: %d}]\n", flags.Keep)
		return []byte(b.String()), nil
	}
	fmt.Fprintf(&b, "        remove: [{older_than: %s}]\n", flags.OlderThan)
	if flags.Keep > 0 {
		fmt.Fprintf(&b, "        keep:   [{newest: %d}]\n", flags.Keep)
	}
	return []byte(b.String()), nil
}

func (f Flags) check() error {
	switch {
	case f.Keep < 0:
		return fmt.Errorf("--keep %d: cannot keep less than nothing", f.Keep)
	case f.Keep == 0 && f.OlderThan == "":
		return errors.New("nothing says what may go: give --older-than, --keep or both")
	}
	if f.OlderThan != "" {
		d, err := duration.Parse(f.OlderThan)
		var fault *duration.Error
		switch {
		case errors.As(err, &fault) && fault.Suggestion != "":
			return fmt.Errorf("--older-than %w (did you mean %q?)", err, fault.Suggestion)
		case err != nil:
			return fmt.Errorf("--older-than %w", err)
		case d.Zero():
			return fmt.Errorf("--older-than %q has no length", f.OlderThan)
		}
	}
	for _, list := range []struct {
		flag     string
		patterns []string
	}{{"--tags", f.Tags}, {"--protect", f.Protect}} {
		for _, text := range list.patterns {
			if _, err := pattern.Parse(text); err != nil {
				return fmt.Errorf("%s: %w", list.flag, err)
			}
		}
	}
	return nil
}

// quoted writes patterns as a YAML list; JSON strings are YAML too.
func quoted(patterns []string) string {
	parts := make([]string, len(patterns))
	for i, text := range patterns {
		var b strings.Builder
		out := json.NewEncoder(&b)
		out.SetEscapeHTML(false)
		if err := out.Encode(text); err != nil {
			panic(err) // a string can always be written
		}
		parts[i] = strings.TrimSuffix(b.String(), "\n")
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
