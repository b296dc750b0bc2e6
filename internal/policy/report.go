package policy

import (
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// Verdict is what a policy says about a root.
type Verdict uint8

// Hold means "the policy would let it go if a fact were known, and the fact is
// not known". Nothing held is touched.
const (
	Keep Verdict = iota
	Remove
	Hold
)

func (v Verdict) String() string { return [...]string{"keep", "remove", "hold"}[v] }

// Reason is why: a code with facts. Views write the sentence; nothing reads
// reasons to decide.
type Reason struct {
	Code Code
	// Rule is the path of the condition in the policy, such as
	// "policies[0].rules[0].keep[0]"; "" where no line of the policy decided.
	Rule string
	// Line in the policy file, from 1; 0 where there is none.
	Line int
	// Facts are JSON values: strings, numbers, booleans, times as RFC 3339.
	Facts map[string]any
}

// Decision is the verdict on one root.
type Decision struct {
	Root    inventory.Root
	Reasons []Reason // at least one
	Verdict Verdict
	// AgeFrom says which time the age was counted from.
	AgeFrom AgeSource
	// Quarantine is how long a removed root is held in a holding repository;
	// nil: not at all.
	Quarantine *duration.Duration
}

// Report is the outcome for one repository: one decision per root, in the
// order of inventory.Repository.Roots.
type Report struct {
	Repository string
	// Policy is the index of the policy that governs, -1 for none.
	Policy    int
	Decisions []Decision
	Warnings  []Warning
	// Refusal is set where the policy's own limits (max_removals) or incomplete
	// evidence stop this repository.
	Refusals []Warning
	// Counts are those of Policy.Counted, in its order.
	Counts []Count
}

// Warning is something a person should look at. Lift names the setting that
// changes it.
type Warning struct {
	Code    string
	Scope   string // repository, or a rule path
	Message string
	Lift    string
}

// Removes lists the digests that removed roots point at, each once, sorted.
func (r *Report) Removes() []oci.Digest {
	seen := map[oci.Digest]bool{}
	var digests []oci.Digest
	for _, d := range r.Decisions {
		if d.Verdict == Remove && !seen[d.Root.Digest] {
			seen[d.Root.Digest] = true
			digests = append(digests, d.Root.Digest)
		}
	}
	return sortDigests(digests)
}
