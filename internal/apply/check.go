package apply

import (
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
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
	header := &req.Plan.Header
	actions, known := kinds[header.Kind]
	switch {
	case header.Version != plan.Version:
		return fmt.Errorf("%w: plan %s has format version %d, this regkeep carries out version %d", ErrPlan, header.ID, header.Version, plan.Version)
	case !known:
		return fmt.Errorf("%w: plan %s is of kind %q, expected remove or restore", ErrPlan, header.ID, header.Kind)
	}
	if err := checkAge(header, req.Now(), req.MaxAge); err != nil {
		return err
	}
	for i, s := range req.Plan.Steps {
		where := fmt.Sprintf("plan %s, step %d", header.ID, s.Seq)
		switch {
		case s.Seq != i+1:
			return fmt.Errorf("%w: plan %s: step %d stands at place %d", ErrPlan, header.ID, s.Seq, i+1)
		case !slices.Contains(actions, s.Action):
			return fmt.Errorf("%w: %s: a plan of kind %s cannot %q", ErrPlan, where, header.Kind, s.Action)
		case s.Digest == "":
			return fmt.Errorf("%w: %s names no digest", ErrPlan, where)
		case s.Repository == "":
			return fmt.Errorf("%w: %s names no repository", ErrPlan, where)
		case (s.Tag == "") == slices.Contains([]plan.Action{plan.Untag, plan.DeleteComponent, plan.OverwriteTag, plan.PutTag}, s.Action):
			return fmt.Errorf("%w: %s: action %q with tag %q", ErrPlan, where, s.Action, s.Tag)
		}
	}
	return checkRegistries(req)
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

// checkRegistries refuses a plan for a registry that is not at hand, or that
// is another one under the same name.
func checkRegistries(req *Request) error {
	urls := map[string]string{}
	for _, info := range req.Plan.Header.Registries {
		urls[info.Name] = info.URL
	}
	for _, s := range req.Plan.Steps {
		url, named := urls[s.Registry]
		given, ready := req.Registries[s.Registry]
		switch {
		case !named:
			return fmt.Errorf("%w: plan %s, step %d is for %q, which the plan's first line does not name", ErrForeign, req.Plan.Header.ID, s.Seq, s.Registry)
		case !ready || given.Reader == nil || given.Mutator == nil:
			return fmt.Errorf("%w: plan %s is for %s, which is not among the registries of this command", ErrForeign, req.Plan.Header.ID, s.Registry)
		case url != "" && given.URL != "" && url != given.URL:
			return fmt.Errorf("%w: plan %s was made for %s at %s, and here it is at %s", ErrForeign, req.Plan.Header.ID, s.Registry, url, given.URL)
		}
	}
	return nil
}

// lockKeys lists what to lock, each once and sorted, so that two runs with
// several registries cannot wait for each other.
func lockKeys(p *plan.Plan) []string {
	var keys []string
	for _, info := range p.Header.Registries {
		if info.URL != "" {
			keys = append(keys, info.URL)
		} else {
			keys = append(keys, info.Name)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
