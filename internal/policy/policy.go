package policy

import (
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/usage"
)

// Policy is a policy file that was read and checked. It is immutable.
type Policy struct{}

// Parse reads a policy file. The error is of type Problems and holds
// everything that is wrong with the file.
func Parse(file string, data []byte) (*Policy, error) { return &Policy{}, nil }

// Hash is the SHA-256, in hex, of what the policy means: comments, spacing and
// rule names do not change it.
func (p *Policy) Hash() string { return "" }

// Warnings lists what looks like a mistake although it is a valid policy.
func (p *Policy) Warnings() []Warning { return nil }

// Settings of one policy, or the defaults where no policy governs (-1).
func (p *Policy) Settings(policyIndex int) Settings { return DefaultSettings() }

// Matches says whether a policy governs the repository.
func (p *Policy) Matches(repository string) bool { return true }

// Want makes a Policy an inventory.Demand.
func (p *Policy) Want(repo *inventory.Repository) inventory.Want { return inventory.Want{Graph: true} }

// Evaluate gives every root of a repository its verdict.
func (p *Policy) Evaluate(repo *inventory.Repository, evidence *usage.Evidence, now time.Time) Report {
	return Report{}
}
