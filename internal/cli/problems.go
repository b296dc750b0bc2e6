package cli

import (
	"encoding/json"
	"errors"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/policy"
)

// tellProblems writes the problems of a policy file as JSON lines where that
// was asked for; for people the error itself says it all.
func (p *program) tellProblems(err error) error {
	var problems policy.Problems
	if !p.json() || !errors.As(err, &problems) {
		return err
	}
	lines := json.NewEncoder(p.t.out)
	for _, problem := range problems {
		line := checkLine{Type: "problem", File: problem.File, Line: problem.Line, Column: problem.Column, Scope: problem.Path, Message: problem.Message, Suggest: problem.Suggestion}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return &shown{app.Usage}
}
