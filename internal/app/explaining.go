package app

import (
	"context"
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// Explanation is how one image came to its verdict and what happens to it.
type Explanation struct {
	Reference   Reference
	Now         time.Time
	Explanation policy.Explanation
	Root        inventory.Root
	// Plan is of the whole repository, because siblings and indexes decide what
	// happens to the manifest.
	Plan *plan.Plan
}

// Explain looks at the repository of one image and explains the verdict on it.
func (a *App) Explain(ctx context.Context, ref Reference, rules *policy.Policy, now time.Time) (*Explanation, error) {
	target := ref.Registry
	target.Pattern = ref.Repository
	chosen, err := selections([]Target{target})
	if err != nil {
		return nil, err
	}
	session, err := a.look(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer session.close()
	o := session.opened[0]
	created := a.now()
	if now.IsZero() {
		now = created
	}
	evidence, err := a.collect(ctx, session, created)
	if err != nil {
		return nil, err
	}
	scanner, err := a.scanner(o, chosen[0], created)
	if err != nil {
		return nil, err
	}
	result := &Explanation{Reference: ref, Now: now, Plan: &plan.Plan{}}
	builder := plan.NewBuilder(plan.Header{Type: "plan", Version: plan.Version, Kind: "remove", Created: created, Now: now, Registries: session.infos()},
		plan.Options{Now: now, Partial: true}, plan.Into(result.Plan))
	gaps := told(builder, scanner.Gaps)
	found := false
	for repo, err := range scanner.Scan(ctx, asking{whole{rules}, evidence}) {
		if err != nil {
			return nil, advise(o.info.Name, err)
		}
		gaps()
		if holds(repo) {
			return nil, &Failure{Kind: Failed, Err: fmt.Errorf("%s: the repository is an archive or a holding repository of regkeep, which no policy is about", ref), Next: "See it with `regkeep plan " + ref.Registry.Name + "/" + ref.Repository + "`"}
		}
		report := rules.Evaluate(repo, evidence, now)
		if removed := report.Removes(); len(removed) > 0 {
			if repo, err = scanner.Deepen(ctx, repo, removed); err != nil {
				return nil, advise(o.info.Name, err)
			}
		}
		result.Explanation, found = rules.Explain(repo, evidence, now, ref.Tag, ref.Digest)
		if !found {
			return nil, notARoot(repo, ref)
		}
		result.Root = result.Explanation.Decision.Root
		if err := builder.Add(repo, report, rules.Settings(report.Policy)); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, &Failure{Kind: Failed, Err: fmt.Errorf("%s: the repository was not found", ref)}
	}
	a.date(ctx, &result.Explanation, created)
	_, err = builder.Finish(o.requests(), 0)
	return result, err
}

// date says of every fact when it was learned: in the scan that began at an
// instant, or earlier where the bytes that say it were at hand.
func (a *App) date(ctx context.Context, x *policy.Explanation, scanned time.Time) {
	var digests []oci.Digest
	x.Sources(func(s *policy.Source) {
		if s.Digest != "" {
			digests = append(digests, s.Digest)
		}
	})
	var fetched map[oci.Digest]time.Time
	if state, err := a.store(); err == nil {
		fetched, _ = state.Fetched(ctx, digests) // none: as if read just now, which what is immutable could have been
	}
	x.Sources(func(s *policy.Source) {
		if !s.At.IsZero() {
			return
		}
		s.At = scanned
		if at, cached := fetched[s.Digest]; cached && at.Before(scanned) {
			s.At = at
		}
	})
}

// whole is a policy that wants to see every fact, so that each condition can
// be shown with its value.
type whole struct{ *policy.Policy }

func (w whole) Want(repo *inventory.Repository) inventory.Want {
	want := w.Policy.Want(repo)
	want.Graph, want.Config = true, func(string) bool { return true }
	return want
}

// notARoot says what the reference is instead.
func notARoot(repo *inventory.Repository, ref Reference) error {
	for _, gap := range repo.Gaps {
		return &Failure{Kind: Failed, Err: fmt.Errorf("%s: %s", ref, gap.Message)}
	}
	for i := range repo.Tags {
		tag := &repo.Tags[i]
		if tag.Name != ref.Tag {
			continue
		}
		if subject, attached := repo.AttachmentOf(tag); attached {
			return &Failure{Kind: Failed, Err: fmt.Errorf("%s is attached to %s and shares its fate", ref, subject), Next: fmt.Sprintf("Explain that one: %s/%s@%s", ref.Registry.Name, ref.Repository, subject)}
		}
	}
	if ref.Tag != "" {
		return &Failure{Kind: Failed, Err: fmt.Errorf("%s: the repository has no such tag", ref), Next: "See what there is with `regkeep ls " + ref.Registry.Name + "/" + ref.Repository + "`"}
	}
	for _, tag := range repo.Tags {
		if tag.Digest == ref.Digest {
			return &Failure{Kind: Failed, Err: fmt.Errorf("%s has a tag", ref), Next: fmt.Sprintf("Explain that: %s/%s:%s", ref.Registry.Name, ref.Repository, tag.Name)}
		}
	}
	if m := repo.Manifests[ref.Digest]; m != nil && m.Named && !m.Missing {
		return &Failure{Kind: Failed, Err: fmt.Errorf("%s is in use and no tag leads to it: it stays, with all that it consists of", ref), Next: "See who uses it with `regkeep in-use`"}
	}
	for _, m := range repo.Manifests {
		for _, child := range m.Children {
			if child.Digest == ref.Digest {
				return &Failure{Kind: Failed, Err: fmt.Errorf("%s belongs to the index %s and shares its fate", ref, m.Digest)}
			}
		}
	}
	return &Failure{Kind: Failed, Err: fmt.Errorf("%s: the repository shows no such manifest", ref)}
}
