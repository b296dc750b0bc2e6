package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/usage"
)

// keepsUsed is the policy under which everything may go but what is in use. A
// person who names images gets the answer that a policy with `in_use` would
// get: by tag and digest, with indexes and children, as long as it is
// remembered.
const keepsUsed = `version: 1
floor: 0
protect: [{in_use: true}]
policies:
  - repositories: ["**"]
    rules: [{tags: ["**"], untagged: true, remove: [{everything: true}]}]
`

// inspection asks for images that a person named whether they are in use. With
// no evidence it has nothing against anything.
type inspection struct {
	rules    *policy.Policy
	evidence *usage.Evidence
	now      time.Time
}

func newInspection(evidence *usage.Evidence, now time.Time) (*inspection, error) {
	rules, err := parsePolicy("what is in use", []byte(keepsUsed))
	return &inspection{rules, evidence, now}, err
}

// Want implements inventory.Demand: all facts, because the plan shows them, and
// what it takes to know what is used.
func (i *inspection) Want(repo *inventory.Repository) inventory.Want {
	want := inventory.Want{Graph: true, Untagged: true, Config: func(string) bool { return true }}
	if i.evidence != nil {
		want.Indexes = true
		want.Tags, want.Digests = i.evidence.Named(repo.Registry, repo.Name)
	}
	return want
}

// answered refuses everything while a source that covers one of the registries
// has not answered completely.
func (i *inspection) answered(s *session) error {
	var problems []string
	for _, notice := range incomplete(s, i.evidence) {
		problems = append(problems, notice.Scope+": "+notice.Message)
	}
	if len(problems) == 0 {
		return nil
	}
	return &Failure{
		Kind: Refused, Err: errors.New(strings.Join(problems, "; ")),
		Next: "Nothing was done; see what is wrong with `regkeep in-use`, or say under in_use.sources[].registries which registries a source is about",
	}
}

// clear refuses what of the chosen roots is in use, or of which nobody can tell.
// roots are those of the repository, in their order.
func (i *inspection) clear(repo *inventory.Repository, roots []inventory.Root, chosen []bool) error {
	if i.evidence == nil {
		return nil
	}
	report := i.rules.Evaluate(repo, i.evidence, i.now)
	var used []string
	for at := range roots {
		if !chosen[at] {
			continue
		}
		name := repo.Registry + "/" + repo.Name + rootName(&roots[at])
		switch d := report.Decisions[at]; {
		case d.Verdict == policy.Keep:
			used = append(used, name+" "+witnessed(d.Reasons[0].Facts))
		case d.Verdict == policy.Hold && i.evidence.Known(repo.Registry):
			used = append(used, "whether "+name+" is in use is not known, because what hangs together with it could not be read")
		}
	}
	if len(used) == 0 {
		return nil
	}
	return &Failure{
		Kind: Refused, Err: errors.New(strings.Join(used, "; ")),
		Next: "Nothing was done; it may go once nobody has used it for as long as in_use.remember says, or when the configuration has no source that names it",
	}
}

func rootName(root *inventory.Root) string {
	if root.Tag != nil {
		return ":" + root.Tag.Name
	}
	return "@" + string(root.Digest)
}

// witnessed says who uses an image, from the facts of the policy's reason.
func witnessed(facts map[string]any) string {
	who := fmt.Sprintf("in use by %v (%v), which names %v", facts["what"], facts["source"], facts["via"])
	if last, remembered := facts["last_seen"]; remembered {
		return fmt.Sprintf("was %s, last seen %v", who, last)
	}
	return "is " + who
}
