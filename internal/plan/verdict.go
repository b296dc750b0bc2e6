package plan

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
)

// inOrder yields decisions in the order of their lines: tags by name, then
// untagged roots by digest.
func inOrder(decisions []policy.Decision) iter.Seq[*policy.Decision] {
	order := func(a, b *policy.Decision) int {
		if x, y := a.Root.Tag == nil, b.Root.Tag == nil; x != y {
			if y {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Root.Name(), b.Root.Name()), cmp.Compare(a.Root.Digest, b.Root.Digest))
	}
	sorted := func() []*policy.Decision {
		all := make([]*policy.Decision, len(decisions))
		for i := range decisions {
			all[i] = &decisions[i]
		}
		slices.SortStableFunc(all, order)
		return all
	}
	return func(yield func(*policy.Decision) bool) {
		for i := 1; i < len(decisions); i++ {
			if order(&decisions[i-1], &decisions[i]) <= 0 {
				continue
			}
			for _, d := range sorted() {
				if !yield(d) {
					return
				}
			}
			return
		}
		for i := range decisions {
			if !yield(&decisions[i]) {
				return
			}
		}
	}
}

// verdict is the line of one root. A removal is held where the repository
// could not be read whole, which held says.
func verdict(repo *inventory.Repository, d *policy.Decision, held string) Verdict {
	line := Verdict{
		Type: "verdict", Registry: repo.Registry, Repository: repo.Name, Tag: d.Root.Name(), Digest: d.Root.Digest,
		Verdict: d.Verdict.String(), AgeFrom: d.AgeFrom.String(), Reasons: make([]Reason, 0, len(d.Reasons)+1),
	}
	if held != "" && d.Verdict == policy.Remove {
		line.Verdict = policy.Hold.String()
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
