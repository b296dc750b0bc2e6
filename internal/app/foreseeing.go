package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// mostDays bounds how often a rehearsal decides.
const mostDays = 4000

// Day is one instant of a rehearsal over time.
type Day struct {
	At      time.Time
	Removed []plan.Verdict
	Stay    int
	Held    int // of those that stay: a fact is missing that could let them go
	// Notices say what was refused or could not be read.
	Notices []plan.Notice
}

// Foresee rehearses again and again, each time on what the time before would
// have left, as if nothing new came.
func (a *App) Foresee(ctx context.Context, request RehearsalRequest, every, length policy.Duration) ([]Day, error) {
	stored, err := loadStock(ctx, request.Inventory, request.Policy)
	if err != nil {
		return nil, err
	}
	at := a.rehearsalHeader(stored, request).Now
	end := length.After(at)
	var days []Day
	for ; !at.After(end); at = every.After(at) {
		if len(days) == mostDays || !every.After(at).After(at) {
			return nil, misuse("--every and --for ask for more than %d plans; take larger steps", mostDays)
		}
		request.Now = at
		var p plan.Plan
		if _, err := a.rehearseOn(ctx, stored, request, plan.Into(&p)); err != nil {
			return nil, err
		}
		day := Day{At: at, Notices: p.Notices}
		gone := removalsOf(&p)
		for _, v := range p.Verdicts {
			switch {
			case gone.took(v):
				day.Removed = append(day.Removed, v)
			case v.Verdict == policy.Hold.String():
				day.Held++
			}
		}
		day.Stay = len(p.Verdicts) - len(day.Removed)
		days = append(days, day)
		for i, repo := range stored.repositories {
			stored.repositories[i] = gone.leave(repo)
		}
	}
	return days, nil
}

// removals is what the steps of a plan take away, by repository.
type removals struct {
	tags      map[spot]bool
	manifests map[string]map[oci.Digest]bool
}

func removalsOf(p *plan.Plan) removals {
	r := removals{tags: map[spot]bool{}, manifests: map[string]map[oci.Digest]bool{}}
	for _, step := range p.Steps {
		for _, tag := range append(slices.Clone(step.Takes), step.Tag) {
			if tag != "" {
				r.tags[spot{step.Repository, tag}] = true
			}
		}
		if step.Action == plan.DeleteManifest {
			if r.manifests[step.Repository] == nil {
				r.manifests[step.Repository] = map[oci.Digest]bool{}
			}
			r.manifests[step.Repository][step.Digest] = true
		}
	}
	return r
}

func (r removals) took(v plan.Verdict) bool {
	if v.Verdict != policy.Remove.String() {
		return false
	}
	if v.Tag == "" {
		return r.manifests[v.Repository][v.Digest]
	}
	return r.tags[spot{v.Repository, v.Tag}]
}

// leave is the repository as the removals leave it.
func (r removals) leave(repo *inventory.Repository) *inventory.Repository {
	left := *repo
	left.Tags = slices.DeleteFunc(slices.Clone(repo.Tags), func(t inventory.Tag) bool { return r.tags[spot{repo.Name, t.Name}] })
	left.Manifests = maps.Clone(repo.Manifests)
	maps.DeleteFunc(left.Manifests, func(digest oci.Digest, _ *inventory.Manifest) bool { return r.manifests[repo.Name][digest] })
	return &left
}

// Difference is one root on which two policies disagree.
type Difference struct{ Before, After plan.Verdict }

// Compare decides with two policies and returns where they differ, and the
// instant of both.
func (a *App) Compare(ctx context.Context, request RehearsalRequest, other *policy.Policy) ([]Difference, time.Time, error) {
	var plans [2]plan.Plan
	for i, rules := range []*policy.Policy{request.Policy, other} {
		stored, err := loadStock(ctx, request.Inventory, rules)
		if err != nil {
			return nil, time.Time{}, err
		}
		request.Policy = rules
		if _, err = a.rehearseOn(ctx, stored, request, plan.Into(&plans[i])); err != nil {
			return nil, time.Time{}, err
		}
	}
	after := map[spot]plan.Verdict{}
	for _, v := range plans[1].Verdicts {
		after[spot{v.Repository, nameOf(v)}] = v
	}
	var differ []Difference
	for _, v := range plans[0].Verdicts {
		if now := after[spot{v.Repository, nameOf(v)}]; now.Verdict != v.Verdict {
			differ = append(differ, Difference{v, now})
		}
	}
	return differ, plans[0].Header.Now, nil
}
