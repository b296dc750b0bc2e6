package policy

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a policy file, where it stands.
type Problem struct {
	File   string
	Line   int // from 1
	Column int // from 1
	// Path is where in the document, such as "policies[0].rules[0].keep[0]".
	Path    string
	Message string
	// Suggestion is what was probably meant: a key or a value; "" when there is
	// no good guess.
	Suggestion string
}

func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Suggestion != "" {
		s += fmt.Sprintf(" (did you mean %q?)", p.Suggestion)
	}
	return s
}

// Problems is everything wrong with a policy file, in the order of the file.
type Problems []Problem

// Error prints one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}
