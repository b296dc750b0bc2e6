package apply

import (
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

const (
	defaultMaxAge = 24 * time.Hour
	// clockSkew is how far the clocks of the planning and the applying machine
	// may differ.
	clockSkew = 5 * time.Minute
)

// kinds says which actions a plan of a kind may have, so that a plan that puts
// back can never delete.
var kinds = map[string][]plan.Action{
	"remove":  {plan.Untag, plan.DeleteManifest, plan.DeleteComponent, plan.OverwriteTag},
	"restore": {plan.PutManifest, plan.PutTag},
}

// check refuses a plan as a whole, before anything is done.
func check(req *Request) error {
	header, summary := req.Plan.Whole()
	actions, known := kinds[header.Kind]
	switch {
	case header.Version != plan.Version:
		return fmt.Errorf("%w: plan %s has format version %d, this regkeep carries out version %d", ErrPlan, header.ID, header.Version, plan.Version)
	case !known:
		return fmt.Errorf("%w: plan %s is of kind %q, expected remove or restore", ErrPlan, header.ID, header.Kind)
	}
	if err := checkAge(&header, req.Now(), req.MaxAge); err != nil {
		return err
	}
	seq := 0
	seen := map[[2]string]bool{}
	for repo, err := range req.Plan.Repositories() {
		if err != nil {
			return fmt.Errorf("%w: plan %s: %w", ErrPlan, header.ID, err)
		}
		key := [2]string{repo.Registry, repo.Repository}
		if seen[key] {
			return fmt.Errorf("%w: plan %s: %s/%s comes twice", ErrPlan, header.ID, repo.Registry, repo.Repository)
		}
		seen[key] = true
		for i := range repo.Steps {
			if seq++; repo.Steps[i].Seq != seq {
				return fmt.Errorf("%w: plan %s: step %d stands at place %d", ErrPlan, header.ID, repo.Steps[i].Seq, seq)
			}
			if err := checkStep(&header, &repo.Steps[i], actions); err != nil {
				return err
			}
			if err := checkRegistry(req, &header, &repo.Steps[i]); err != nil {
				return err
			}
		}
	}
	if seq != summary.Steps {
		return fmt.Errorf("%w: plan %s has %d steps, its summary says %d", ErrPlan, header.ID, seq, summary.Steps)
	}
	return nil
}

func checkStep(header *plan.Header, s *plan.Step, actions []plan.Action) error {
	where := fmt.Sprintf("plan %s, step %d", header.ID, s.Seq)
	switch {
	case !slices.Contains(actions, s.Action):
		return fmt.Errorf("%w: %s: a plan of kind %s cannot %q", ErrPlan, where, header.Kind, s.Action)
	case s.Digest == "":
		return fmt.Errorf("%w: %s names no digest", ErrPlan, where)
	case s.Repository == "":
		return fmt.Errorf("%w: %s names no repository", ErrPlan, where)
	case (s.Tag == "") == slices.Contains([]plan.Action{plan.Untag, plan.DeleteComponent, plan.OverwriteTag, plan.PutTag}, s.Action):
		return fmt.Errorf("%w: %s: action %q with tag %q", ErrPlan, where, s.Action, s.Tag)
	}
	return nil
}

func checkAge(header *plan.Header, now time.Time, most time.Duration) error {
	age := now.Sub(header.Created)
	switch {
	case header.Created.IsZero():
		return fmt.Errorf("%w: plan %s does not say when it was made", ErrPlan, header.ID)
	case age < -clockSkew:
		return fmt.Errorf("%w: plan %s was made at %s, and here it is %s. Check the clocks, then plan again",
			ErrFuture, header.ID, header.Created.Format(time.RFC3339), now.Format(time.RFC3339))
	case header.Now.Sub(now) > clockSkew:
		return fmt.Errorf("%w: plan %s is a rehearsal for %s. Plan again without --now",
			ErrFuture, header.ID, header.Now.Format(time.RFC3339))
	case age > most, !header.Expires.IsZero() && now.After(header.Expires):
		return fmt.Errorf("%w: plan %s was made %s ago. Plan again; plan_max_age says how old a plan may be",
			ErrStale, header.ID, age.Round(time.Second))
	}
	return nil
}

// checkRegistry refuses a step for a registry that is not at hand, or that is
// another one under the same name.
func checkRegistry(req *Request, header *plan.Header, s *plan.Step) error {
	at := slices.IndexFunc(header.Registries, func(info registry.Info) bool { return info.Name == s.Registry })
	if at < 0 {
		return fmt.Errorf("%w: plan %s, step %d is for %q, which the plan's first line does not name", ErrForeign, header.ID, s.Seq, s.Registry)
	}
	url := header.Registries[at].URL
	switch given, ready := req.Registries[s.Registry]; {
	case !ready || given.Reader == nil || given.Mutator == nil:
		return fmt.Errorf("%w: plan %s is for %s, which is not among the registries of this command", ErrForeign, header.ID, s.Registry)
	case url != "" && given.URL != "" && url != given.URL:
		return fmt.Errorf("%w: plan %s was made for %s at %s, and here it is at %s", ErrForeign, header.ID, s.Registry, url, given.URL)
	}
	return nil
}

// lockKeys lists what to lock, each once and sorted, so that two runs with
// several registries cannot wait for each other.
func lockKeys(header *plan.Header) []string {
	var keys []string
	for _, info := range header.Registries {
		if info.URL != "" {
			keys = append(keys, info.URL)
		} else {
			keys = append(keys, info.Name)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
