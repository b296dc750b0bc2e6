package policy

import (
	"cmp"
	"slices"

	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// Policy is a policy file that was read and checked. It is immutable.
type Policy struct {
	file     string
	protect  []*item
	builtin  bool // the tag latest is protected
	policies []*governed
	defaults settings
	cutoffs  []duration.Duration
	items    int
	warnings []Warning
	counted  []Counted
}

// Parse reads a policy file. The error is of type Problems and holds
// everything that is wrong with the file.
func Parse(file string, data []byte) (*Policy, error) {
	c := &compiler{file: file}
	root, faults := document.Read(data)
	for _, fault := range faults {
		c.problems = append(c.problems, Problem{File: file, Line: fault.Line, Column: fault.Column, Path: fault.Path, Message: fault.Message})
	}
	var p *Policy
	if root != nil {
		p = c.document(root)
	}
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, c.problems
	}
	p.cutoffs, p.items = c.cutoffs, c.items
	p.warnings, p.counted = lint(p), counted(p)
	return p, nil
}

// Matches says whether a policy governs the repository.
func (p *Policy) Matches(repository string) bool { return p.governs(repository) >= 0 }

// governs is the index of the first policy whose patterns match, or -1.
func (p *Policy) governs(repository string) int {
	return slices.IndexFunc(p.policies, func(g *governed) bool { return g.repositories.Match(repository) })
}

// Settings of one policy, or the defaults where no policy governs (-1).
func (p *Policy) Settings(policyIndex int) Settings {
	if policyIndex < 0 || policyIndex >= len(p.policies) {
		return p.defaults.Settings
	}
	return p.policies[policyIndex].settings.Settings
}

// Warnings lists what looks like a mistake although it is a valid policy.
func (p *Policy) Warnings() []Warning { return slices.Clone(p.warnings) }

// AsksForUse says whether any condition of the file depends on what is in use.
func (p *Policy) AsksForUse() bool {
	if needsOf(p.protect)&needEvidence != 0 {
		return true
	}
	return slices.ContainsFunc(p.policies, func(g *governed) bool {
		return slices.ContainsFunc(g.rules, func(r *rule) bool {
			return (needsOf(r.remove)|needsOf(r.keep))&needEvidence != 0
		})
	})
}
