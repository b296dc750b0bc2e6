package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
)

// inOrder returns decisions in the order of their lines: tags by name, then
// untagged roots by digest.
func inOrder(decisions []policy.Decision) []policy.Decision {
	order := func(a, b policy.Decision) int {
		if x, y := a.Root.Tag == nil, b.Root.Tag == nil; x != y {
			if y {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Root.Name(), b.Root.Name()), cmp.Compare(a.Root.Digest, b.Root.Digest))
	}
	if slices.IsSortedFunc(decisions, order) {
		return decisions
	}
	decisions = slices.Clone(decisions)
	slices.SortStableFunc(decisions, order)
	return decisions
}

// outcome is the verdict that a plan says. A removal is held where the
// repository could not be read whole, which held says.
func outcome(d *policy.Decision, held string) policy.Verdict {
	if held != "" && d.Verdict == policy.Remove {
		return policy.Hold
	}
	return d.Verdict
}

// verdict is the line of one root, with why a removal is held.
func verdict(repo *inventory.Repository, d *policy.Decision, held string) Verdict {
	line := Verdict{
		Type: "verdict", Registry: repo.Registry, Repository: repo.Name, Tag: d.Root.Name(), Digest: d.Root.Digest,
		Verdict: outcome(d, held).String(), AgeFrom: d.AgeFrom.String(), Reasons: make([]Reason, 0, len(d.Reasons)+1),
	}
	if held != "" && d.Verdict == policy.Remove {
		line.Reasons = append(line.Reasons, Reason{Code: string(policy.CodeGap), Facts: map[string]any{"gap": held}})
	}
	for _, r := range d.Reasons {
		line.Reasons = append(line.Reasons, Reason{Code: string(r.Code), Rule: r.Rule, Line: r.Line, Facts: r.Facts})
	}
	var pushed, pulled, seen, created time.Time
	if tag := d.Root.Tag; tag != nil {
		pushed, pulled, seen = tag.Pushed, tag.Pulled, tag.Seen
	}
	if m := cmp.Or(repo.Manifests[d.Root.Digest], d.Root.Manifest); m != nil {
		line.MediaType, line.Size, created = m.MediaType, m.Bytes, m.Created
		if pushed.IsZero() {
			pushed = m.Pushed
		}
		if m.Pulled.After(pulled) {
			pulled = m.Pulled
		}
	}
	line.Created, line.Pushed, line.Pulled, line.Seen = known(created), known(pushed), known(pulled), known(seen)
	return line
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
