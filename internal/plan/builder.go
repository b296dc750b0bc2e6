package plan

import (
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
)

// Options of a plan.
type Options struct {
	Now time.Time
	// MaxRemovals bounds the root tags that the whole plan may remove.
	MaxRemovals policy.Limit
	// Automatic is set where no person looks at the plan before it is applied.
	Automatic *Automatic
	// Strict turns warnings of the policy into refusals.
	Strict bool
	// Archived: blobs are archived before they go, so every step can be undone.
	Archived bool
	// Partial: not every repository of the registry was looked at, so blobs may
	// be shared with others.
	Partial bool
}

// Automatic holds the breakers of a plan that nobody looks at.
type Automatic struct {
	// RegistryShare of its root tags is the most that a registry may lose; 0:
	// DefaultRegistryShare.
	RegistryShare float64
	// Recent are the removals of the last runs, at most ten.
	Recent []int
}

// DefaultRegistryShare is the share of its root tags that a registry may lose
// unattended.
const DefaultRegistryShare = 0.30

// Builder turns reports into a plan, one repository after the other.
type Builder struct {
	header Header
	opts   Options
}

// NewBuilder starts a plan.
func NewBuilder(header Header, opts Options) *Builder {
	return &Builder{header: header, opts: opts}
}

// Add plans one repository.
func (b *Builder) Add(repo *inventory.Repository, report policy.Report, settings policy.Settings) {}

// Finish applies the breakers that look at the whole and returns the plan.
// gaps are those of whole registries.
func (b *Builder) Finish(gaps []inventory.Gap, requests int64, seconds float64) *Plan {
	return &Plan{Header: b.header}
}
