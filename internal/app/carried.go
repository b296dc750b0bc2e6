package app

import (
	"iter"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// carried is a plan as apply reads it, more than once. The steps of a small one
// are read from its text once, while its registries are connected to.
type carried struct {
	*plan.Stored
	small func() ([]*plan.Repository, error) // nil where the plan is not
}

// mostCarried is how many steps of a plan are held in memory, some 3 MB.
const mostCarried = 8192

func carry(p *plan.Stored) carried {
	c := carried{Stored: p}
	if p.Summary.Steps <= mostCarried && !c.components() {
		c.small = sync.OnceValues(func() (all []*plan.Repository, err error) {
			for repo, err := range p.Steps() {
				if err != nil {
					return nil, err
				}
				all = append(all, repo)
			}
			return all, nil
		})
		go c.small()
	}
	return c
}

// Whole is the header and the summary.
func (c carried) Whole() (plan.Header, plan.Summary) { return c.Header, c.Summary }

// Repositories yields those in which something changes. Their verdicts are read
// only where tags are deleted as components.
func (c carried) Repositories() iter.Seq2[*plan.Repository, error] {
	switch {
	case c.small != nil:
		return c.held
	case !c.components():
		return c.Steps()
	}
	return func(yield func(*plan.Repository, error) bool) {
		for repo, err := range c.Stored.Repositories() {
			if (err != nil || len(repo.Steps) > 0) && !yield(repo, err) {
				return
			}
		}
	}
}

// held is Repositories of what is in memory.
func (c carried) held(yield func(*plan.Repository, error) bool) {
	all, err := c.small()
	if err != nil {
		yield(nil, err)
		return
	}
	for _, repo := range all {
		if !yield(&plan.Repository{Section: repo.Section, Steps: slices.Clone(repo.Steps)}, nil) {
			return
		}
	}
}

func (c carried) components() bool {
	return slices.ContainsFunc(c.Header.Registries, func(info registry.Info) bool { return info.Capabilities.ComponentDelete == registry.SupportYes })
}
