package policy

import (
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// Truth is the value of a condition.
type Truth uint8

// Unknown is a value of its own: a fact was needed and is not known.
const (
	False Truth = iota
	Unknown
	True
)

func (t Truth) String() string { return [...]string{"false", "unknown", "true"}[t] }

// MarshalText writes true, false or unknown.
func (t Truth) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Node is one condition of an explanation, with the conditions inside it.
type Node struct {
	// Condition as it would be written, such as "newest: 5" or "any".
	Condition string `json:"condition"`
	Path      string `json:"path,omitempty"`
	Line      int    `json:"line,omitempty"`
	Value     Truth  `json:"value"`
	// Fact is what the value rests on, such as "pushed 2026-01-02T03:04:05Z".
	Fact string `json:"fact,omitempty"`
	// Rank is the place in an order, such as "7th newest of 12 in feature/x".
	Rank   string `json:"rank,omitempty"`
	Inside []Node `json:"inside,omitempty"`
}

// RuleChoice is one rule that was asked whether it claims the root.
type RuleChoice struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Name    string `json:"name,omitempty"`
	Claimed bool   `json:"claimed"`
	// Why says what the selector found, such as "no pattern of tags matches".
	Why string `json:"why"`
}

// Explanation is how one root came to its verdict.
type Explanation struct {
	Repository string
	// Policy is the index of the policy that governs, -1 for none; PolicyPath
	// and PolicyLine say where it stands.
	Policy     int
	PolicyPath string
	PolicyLine int
	Rules      []RuleChoice // those passed over and the one that claimed, in order
	Protect    []Node
	Keep       []Node
	Remove     []Node
	Decision   Decision
	Warnings   []Warning
}

// Explain says how the root with this tag came to its verdict, or, where tag is
// "", the untagged root with this digest. It is false when there is no such
// root.
func (p *Policy) Explain(repo *inventory.Repository, evidence *usage.Evidence, now time.Time, tag string, digest oci.Digest) (Explanation, bool) {
	return Explanation{}, false
}
