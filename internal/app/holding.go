package app

import (
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/usage"
)

// rules decide about repositories as the policy says, except about those that
// regkeep itself keeps images in: archives, which stay, and holding
// repositories, which let go of what has been in quarantine for its time. Such
// a repository is known by its tags, whatever its name.
type rules struct{ *policy.Policy }

// Want implements inventory.Demand.
func (r rules) Want(repo *inventory.Repository) inventory.Want {
	if holds(repo) {
		return inventory.Want{Graph: true}
	}
	return r.Policy.Want(repo)
}

func holds(repo *inventory.Repository) bool {
	for i := range repo.Tags {
		if _, ours := archive.ParseTag(repo.Tags[i].Name); ours {
			return true
		}
	}
	return false
}

// Evaluate gives every root of a repository its verdict.
func (r rules) Evaluate(repo *inventory.Repository, evidence *usage.Evidence, now time.Time) policy.Report {
	if !holds(repo) {
		return r.Policy.Evaluate(repo, evidence, now)
	}
	report := policy.Report{Repository: repo.Name, Policy: ownPolicy}
	asked := 0
	for _, root := range repo.Roots() {
		d := policy.Decision{Root: root}
		d.Verdict, d.Reasons = release(repo, root, evidence, now)
		if d.Verdict == policy.Keep && d.Reasons[0].Code == policy.CodePulledWithin {
			asked++
		}
		report.Decisions = append(report.Decisions, d)
	}
	if asked > 0 {
		report.Warnings = append(report.Warnings, policy.Warning{
			Code: "quarantine", Scope: repo.Name,
			Message: fmt.Sprintf("%d images were pulled while they were in quarantine and are not removed: somebody wants them back (regkeep undo)", asked),
		})
	}
	return report
}

// ownPolicy stands for the rules of archives and holding repositories.
const ownPolicy = -2

// Settings are those of the policy that governs. What leaves quarantine was
// counted when it went there, and nobody pushes there but regkeep.
func (r rules) Settings(index int) policy.Settings {
	if index == ownPolicy {
		return policy.Settings{Exempt: true, MaxShare: 1}
	}
	return r.Policy.Settings(index)
}

// release decides about one root of a holding repository or an archive.
func release(repo *inventory.Repository, root inventory.Root, evidence *usage.Evidence, now time.Time) (policy.Verdict, []policy.Reason) {
	stays := func(code policy.Code, facts map[string]any) (policy.Verdict, []policy.Reason) {
		return policy.Keep, []policy.Reason{{Code: code, Facts: facts}}
	}
	told, ours := archive.ParseTag(root.Name())
	if !ours || told.For == "" {
		return stays(policy.CodeArchived, nil)
	}
	facts := map[string]any{"since": told.At.Format(time.RFC3339), "for": told.For}
	long, err := duration.Parse(told.For)
	until := long.After(told.At)
	switch {
	case err != nil || root.Digest == "" || root.Tag.Problem != "":
		return policy.Hold, []policy.Reason{{Code: policy.CodeUnreadable, Facts: facts}}
	case until.After(now) || told.At.After(now):
		return stays(policy.CodeArchived, facts)
	case len(repo.Gaps) > 0:
		return policy.Hold, []policy.Reason{{Code: policy.CodeGap, Facts: map[string]any{"gap": repo.Gaps[0].Code, "message": repo.Gaps[0].Message}}}
	case evidence != nil && len(evidence.Tag(repo.Registry, repo.Name, root.Name()))+len(evidence.Digest(repo.Registry, repo.Name, root.Digest)) > 0:
		return stays(policy.CodeInUse, facts)
	case pulledThere(root.Tag, told.At):
		facts["pulled"] = root.Tag.Pulled.UTC().Format(time.RFC3339)
		return stays(policy.CodePulledWithin, facts)
	}
	return policy.Remove, []policy.Reason{{Code: policy.CodeExpired, Facts: facts}}
}

// pulledThere says whether somebody pulled an image that is in quarantine. What
// was read to put it there was read before it was pushed there.
func pulledThere(tag *inventory.Tag, since time.Time) bool {
	if tag.Pushed.After(since) {
		since = tag.Pushed
	}
	return tag.Pulled.After(since.Add(time.Minute))
}
