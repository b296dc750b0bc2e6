package app

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/registry"
)

// CaseResult is what came of one case of a file of policy cases.
type CaseResult struct {
	Name   string
	Policy string // the file, for the lines of reasons
	Now    time.Time
	Misses []CaseMiss
}

// CaseMiss is one tag whose verdict is not the expected one.
type CaseMiss struct {
	Repository, Tag string
	Line, Column    int // of the tag where it is expected, or of the list that was exceeded
	// Want is the expected verdict; where a list was exceeded, "not " and the
	// verdict of the list. Got has no Verdict where there is no such tag.
	Want string
	Got  plan.Verdict
}

// TestPolicy runs the cases of one file. The error says what is wrong with the
// file, with line and column.
func TestPolicy(ctx context.Context, path string) ([]CaseResult, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("policy cases: %w", err)
	}
	f := &caseFile{path: path}
	cases := f.read(data)
	if len(f.problems) > 0 {
		return nil, f.wrong()
	}
	results := make([]CaseResult, len(cases))
	for i := range cases {
		stored, err := cases[i].stockOf(ctx)
		if err != nil {
			return nil, err
		}
		if f.problems = append(f.problems, cases[i].strangers(path, stored.names())...); len(f.problems) > 0 {
			continue
		}
		if results[i], err = cases[i].run(ctx, stored); err != nil {
			return nil, err
		}
	}
	if len(f.problems) > 0 {
		return nil, f.wrong()
	}
	return results, nil
}

// wrong is everything wrong with the file, in its order; what is wrong with the
// policy stands before.
func (f *caseFile) wrong() error {
	rank := func(p policy.Problem) int {
		if p.File == f.path {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(f.problems, func(a, b policy.Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Failure{Kind: Usage, Err: f.problems}
}

// names are the repositories of an inventory.
func (s *stock) names() []string {
	var names []string
	for _, repo := range s.repositories {
		names = append(names, repo.Name)
	}
	return names
}

type spot struct{ repository, tag string }

func (c *policyCase) run(ctx context.Context, stored *stock) (CaseResult, error) {
	stored.evidence = c.evidence(stored.saved.Info.Name)
	result := CaseResult{Name: c.name, Policy: c.file, Now: c.now}
	if result.Now.IsZero() {
		result.Now = stored.saved.At
	}
	header := plan.Header{Kind: Rehearsal, Now: result.Now, Registries: []registry.Info{stored.saved.Info}}
	var p plan.Plan
	builder := plan.NewBuilder(header, plan.Options{Now: result.Now}, plan.Into(&p))
	if _, err := stored.decide(ctx, c.policy, result.Now, builder); err != nil {
		return CaseResult{}, err
	}
	if _, err := builder.Finish(0, 0); err != nil {
		return CaseResult{}, err
	}
	result.Misses = c.compare(p.Verdicts)
	return result, nil
}

// compare finds what differs. A list that is written is meant whole: a tag
// beyond it with that verdict differs too.
func (c *policyCase) compare(verdicts []plan.Verdict) []CaseMiss {
	found := map[spot]plan.Verdict{}
	for _, v := range verdicts {
		found[spot{v.Repository, c.nameOf(v)}] = v
	}
	var misses []CaseMiss
	reported := map[spot]bool{}
	miss := func(e expectation, tag, want string, got plan.Verdict, place *document.Value) {
		if at := (spot{e.repository, tag}); !reported[at] {
			reported[at] = true
			misses = append(misses, CaseMiss{Repository: e.repository, Tag: tag, Line: place.Line, Column: place.Column, Want: want, Got: got})
		}
	}
	for _, e := range c.expect {
		for i, tag := range e.tags {
			if got := found[spot{e.repository, tag}]; got.Verdict != e.verdict {
				miss(e, tag, e.verdict, got, e.list.Items[i])
			}
		}
	}
	for _, e := range c.expect {
		for _, v := range verdicts {
			if v.Repository == e.repository && v.Verdict == e.verdict && !slices.Contains(e.tags, c.nameOf(v)) {
				miss(e, c.nameOf(v), "not "+e.verdict, v, e.list)
			}
		}
	}
	return misses
}

// nameOf is the tag, or @ and the word that stands for an image without one.
func (c *policyCase) nameOf(v plan.Verdict) string {
	for _, repository := range c.brief {
		for _, t := range repository.tags {
			if word, untagged := t.untagged(); v.Tag == "" && untagged && wordDigest(word) == v.Digest {
				return t.name
			}
		}
	}
	return nameOf(v)
}

// nameOf is the tag, or @ and the digest of what has none.
func nameOf(v plan.Verdict) string {
	if v.Tag == "" {
		return "@" + string(v.Digest)
	}
	return v.Tag
}
