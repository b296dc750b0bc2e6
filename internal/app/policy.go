package app

import (
	"fmt"
	"os"

	"github.com/regkeep/regkeep/internal/policy"
)

// Policy reads what may go: from flags where any was given, else from the
// configuration file.
func (a *App) Policy(flags policy.Flags, given bool) (*policy.Policy, error) {
	if given {
		if a.file.Policies && a.opts.Config != "" {
			return nil, misuse("%s has policies, and flags say what may go too; use one of them", a.file.Path)
		}
		text, err := policy.FromFlags(flags)
		if err != nil {
			return nil, &Failure{Kind: Usage, Err: err}
		}
		return parsePolicy("flags", text)
	}
	if !a.file.Policies && a.opts.Config == "" {
		where := "no policy is given"
		if a.file.Path != "" {
			where = a.file.Path + " has no policies"
		}
		return nil, misuse("%s: say what may go, for example --older-than 30d --keep 5, or with a policy file: -f FILE", where)
	}
	return parsePolicy(a.file.Path, a.file.Text)
}

func parsePolicy(file string, text []byte) (*policy.Policy, error) {
	parsed, err := policy.Parse(file, text)
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	return parsed, nil
}

// CheckPolicy reads a policy file without touching a registry.
func CheckPolicy(path string) (*policy.Policy, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: fmt.Errorf("policy file: %w", err)}
	}
	return parsePolicy(path, text)
}
