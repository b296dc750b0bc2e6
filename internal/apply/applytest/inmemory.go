package applytest

import (
	"bytes"
	"io"
	"iter"

	"github.com/regkeep/regkeep/internal/plan"
)

// InMemory carries a plan that tests still change.
type InMemory struct{ *plan.Plan }

// Whole implements apply.Plan.
func (p InMemory) Whole() (plan.Header, plan.Summary) {
	summary := p.Summary
	summary.Steps = len(p.Steps)
	return p.Header, summary
}

// Repositories implements apply.Plan.
func (p InMemory) Repositories() iter.Seq2[*plan.Repository, error] {
	return func(yield func(*plan.Repository, error) bool) {
		for at := 0; at < len(p.Steps); {
			first := p.Steps[at]
			repo := &plan.Repository{Section: &plan.Section{Registry: first.Registry, Repository: first.Repository}}
			for ; at < len(p.Steps) && p.Steps[at].Registry == first.Registry && p.Steps[at].Repository == first.Repository; at++ {
				repo.Steps = append(repo.Steps, p.Steps[at])
			}
			for _, v := range p.Verdicts {
				if v.Registry == first.Registry && v.Repository == first.Repository {
					repo.Verdicts = append(repo.Verdicts, v)
				}
			}
			if !yield(repo, nil) {
				return
			}
		}
	}
}

// Text implements apply.Plan.
func (p InMemory) Text() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader([]byte(p.Header.ID))), nil
}
