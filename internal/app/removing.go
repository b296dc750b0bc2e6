package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// PlanRemoval plans the removal of single images, with everything else in
// their repositories kept: a tag that shares its image with others is untagged
// and nothing more. archived is where whole images will be kept, as the user
// wrote it; "" for where the configuration says. What a source of evidence sees
// in use is refused, and so is everything while one cannot tell. It deletes
// nothing and is kept like every plan.
func (a *App) PlanRemoval(ctx context.Context, refs []Reference, archived string) (*plan.Stored, error) {
	var targets []Target
	named := map[place][]Reference{}
	for _, ref := range refs {
		target := ref.Registry
		target.Pattern = ref.Repository
		targets = append(targets, target)
		at := place{target.Name, ref.Repository}
		named[at] = append(named[at], ref)
	}
	chosen, err := selections(targets)
	if err != nil {
		return nil, err
	}
	archivedAt, err := a.ArchivePlace(archived)
	if err != nil {
		return nil, err
	}
	session, err := a.look(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer session.close()
	created := a.now()
	evidence, err := a.collect(ctx, session, created)
	if err != nil {
		return nil, err
	}
	inspection, err := newInspection(evidence, created)
	if err != nil {
		return nil, err
	}
	if err := inspection.answered(session); err != nil {
		return nil, err
	}
	header := plan.Header{
		Type: "plan", Version: plan.Version, Kind: "remove", ID: newPlanID(created),
		Created: created, Now: created, Expires: created.Add(a.planMaxAge()),
		Tool: a.opts.Tool, Archive: archivedAt, Registries: session.infos(), Evidence: planEvidence(evidence),
	}
	return a.write(header, plan.Options{Now: created, Partial: true, Archived: archivedAt != ""}, func(builder *plan.Builder) (written, error) {
		if evidence != nil {
			builder.Warn(doubts(session, inspection.rules, evidence)...)
		}
		for i, o := range session.opened {
			scanner, err := a.scanner(o, chosen[i], created)
			if err != nil {
				return written{}, err
			}
			if err := remove(ctx, scanner, inspection, func(name string) []Reference { return named[place{o.info.Name, name}] }, builder); err != nil {
				return written{}, advise(o.info.Name, err)
			}
		}
		return written{requests: session.requests()}, nil
	})
}

// remove plans what is named in the repositories of one registry.
func remove(ctx context.Context, scanner *inventory.Scanner, inspection *inspection, named func(repository string) []Reference, builder *plan.Builder) error {
	gaps := told(builder, scanner.Gaps)
	for repo, err := range scanner.Scan(ctx, inspection) {
		if err != nil {
			return err
		}
		gaps()
		report, err := removal(repo, named(repo.Name), inspection)
		if err != nil {
			return err
		}
		if repo, err = scanner.Deepen(ctx, repo, report.Removes()); err != nil {
			return err
		}
		if err := builder.Add(repo, report, policy.DefaultSettings()); err != nil {
			return notWritten(err)
		}
	}
	gaps()
	return nil
}

type place struct{ registry, repository string }

// removal is the verdict of the person who named these images.
func removal(repo *inventory.Repository, refs []Reference, inspection *inspection) (policy.Report, error) {
	report := policy.Report{Repository: repo.Name, Policy: -1}
	if len(repo.Gaps) > 0 {
		return report, errors.New(refs[0].Registry.Name + "/" + repo.Name + ": " + repo.Gaps[0].Message)
	}
	roots := repo.Roots()
	chosen := make([]bool, len(roots))
	for _, ref := range refs {
		at, err := locate(repo, roots, ref)
		if err != nil {
			return report, err
		}
		chosen[at] = true
	}
	if err := inspection.clear(repo, roots, chosen); err != nil {
		return report, err
	}
	stays := false
	for i, root := range roots {
		d := policy.Decision{Root: root, Verdict: policy.Keep, Reasons: []policy.Reason{{Code: policy.CodeNotDue}}}
		if chosen[i] {
			d.Verdict = policy.Remove
			d.Reasons = []policy.Reason{{Code: policy.CodeTags, Facts: map[string]any{"named": root.Name()}}}
		}
		if m := root.Manifest; m != nil && m.Created.After(time.Unix(0, 0)) {
			d.AgeFrom = policy.FromCreated
		}
		stays = stays || !chosen[i]
		report.Decisions = append(report.Decisions, d)
	}
	if !stays {
		return report, &Failure{
			Kind: Refused,
			Err:  fmt.Errorf("%s/%s would be left without any image (floor: 1)", refs[0].Registry.Name, repo.Name),
			Next: "Nothing was done; a policy with `floor: 0` can empty a repository",
		}
	}
	return report, nil
}

// locate finds the root that a reference names and refuses what would take
// something that was not named.
func locate(repo *inventory.Repository, roots []inventory.Root, ref Reference) (int, error) {
	if ref.Tag == "" {
		var tags []string
		for _, tag := range repo.Tags {
			if tag.Digest == ref.Digest {
				tags = append(tags, tag.Name)
			}
		}
		if len(tags) > 0 {
			return 0, &Failure{Kind: Refused, Err: fmt.Errorf("%s has the tags %s, which would all go with it", ref, strings.Join(tags, ", ")), Next: "Nothing was done; name the tags that are meant"}
		}
	}
	at := slices.IndexFunc(roots, func(root inventory.Root) bool {
		return root.Name() == ref.Tag && (ref.Tag != "" || root.Digest == ref.Digest)
	})
	if at < 0 {
		return 0, notARoot(repo, ref)
	}
	if ref.Tag != "" && ref.Digest != "" && roots[at].Digest != ref.Digest {
		return 0, &Failure{Kind: Refused, Err: fmt.Errorf("%s: the tag points at %s now", ref, roots[at].Digest), Next: "Nothing was done"}
	}
	return at, nil
}
