package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
)

// verdicts are the lines of a repository: tags by name, then untagged roots by
// digest.
func verdicts(repo *inventory.Repository, report *policy.Report) []Verdict {
	lines := make([]Verdict, len(report.Decisions))
	for i := range report.Decisions {
		lines[i] = verdict(repo, &report.Decisions[i])
	}
	slices.SortStableFunc(lines, func(a, b Verdict) int {
		if (a.Tag == "") != (b.Tag == "") {
			return cmp.Compare(b.Tag, a.Tag)
		}
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	})
	return lines
}

func verdict(repo *inventory.Repository, d *policy.Decision) Verdict {
	line := Verdict{
		Type: "verdict", Registry: repo.Registry, Repository: repo.Name, Tag: d.Root.Name(), Digest: d.Root.Digest,
		Verdict: d.Verdict.String(), AgeFrom: d.AgeFrom, Reasons: make([]Reason, len(d.Reasons)),
	}
	for i, r := range d.Reasons {
		line.Reasons[i] = Reason{Code: string(r.Code), Rule: r.Rule, Line: r.Line, Facts: r.Facts}
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
		if seen.IsZero() {
			seen = m.Seen
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

// hold turns removals into holds and drops every step: the repository could
// not be read whole.
func (p *part) hold(why string) {
	for i := range p.verdicts {
		v := &p.verdicts[i]
		if v.Verdict == policy.Remove.String() {
			v.Verdict = policy.Hold.String()
			gap := Reason{Code: string(policy.CodeGap), Facts: map[string]any{"gap": why}}
			v.Reasons = append([]Reason{gap}, v.Reasons...)
		}
	}
	p.steps, p.blocked, p.removals, p.untagged = nil, nil, 0, 0
}
