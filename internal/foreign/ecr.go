package foreign

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
type ecrPolicy struct {
	Rules []ecrRule `json:"rules"`
}

type ecrRule struct {
	Priority    int          `json:"rulePriority"`
	Description string       `json:"description"`
	Selection   ecrSelection `json:"selection"`
	Action      struct {
		Type   string `json:"type"`
		Target string `json:"targetStorageClass"`
	} `json:"action"`
	where string
}

type ecrSelection struct {
	Status   string   `json:"tagStatus"`
	Prefixes []string `json:"tagPrefixList"`
	Patterns []string `json:"tagPatternList"`
	Class    string   `json:"storageClass"`
	Count    string   `json:"countType"`
	Unit     string   `json:"countUnit"`
	Number   int      `json:"countNumber"`
}

// ecr: an image that matches the tagging requirements of a rule cannot be
// expired by a rule of lower priority, even where the first one lets it stay.
func ecr(data []byte, d *draft) error {
	var original ecrPolicy
	if err := decode(data, &original); err != nil {
		return err
	}
	if len(original.Rules) == 0 {
		return errors.New("the policy has no rules")
	}
	for i := range original.Rules {
		original.Rules[i].where = fmt.Sprintf("rules[%d]", i)
	}
	slices.SortStableFunc(original.Rules, func(a, b ecrRule) int { return cmp.Compare(a.Priority, b.Priority) })
	d.note(Wider, "", "a lifecycle policy belongs to one repository, which it does not name: put its name in the place of \"**\", or it governs all of them")
	g := governing{repositories: []string{"**"}}
	var shields []item
	for i, r := range original.Rules {
		if i > 0 && r.Priority == original.Rules[i-1].Priority {
			return fmt.Errorf("%s: rulePriority %d is used twice", r.where, r.Priority)
		}
		made, shield, err := r.translate(d)
		if err != nil {
			return fmt.Errorf("%s: %w", r.where, err)
		}
		made.comment = fmt.Sprintf("%s, priority %d: %s", r.where, r.Priority, r.Description)
		if len(made.remove) > 0 {
			made.keep = append(made.keep, shields...)
		}
		g.rules = append(g.rules, made)
		if shield != "" {
			shields = append(shields, item{shield, fmt.Sprintf("what matches priority %d is its alone", r.Priority)})
		}
	}
	d.policies = []governing{g}
	return nil
}

// translate gives the rule, and the condition of images that no later rule may
// touch.
func (r ecrRule) translate(d *draft) (rule, string, error) {
	var made rule
	shield := ""
	several := false
	switch s := r.Selection; s.Status {
	case "tagged":
		entries := s.Patterns
		if len(entries) == 0 {
			for _, prefix := range s.Prefixes {
				entries = append(entries, prefix+"*")
			}
		}
		if len(entries) == 0 || len(s.Patterns) > 0 && len(s.Prefixes) > 0 {
			return rule{}, "", errors.New("tagStatus tagged needs either a tagPrefixList or a tagPatternList")
		}
		var each []string
		for _, entry := range entries {
			glob := starred(entry, false)
			if err := accepted(glob); err != nil {
				return rule{}, "", err
			}
			made.tags = append(made.tags, glob)
			each = append(each, anyTag(glob))
		}
		shield, several = both(each...), len(entries) > 1
	case "untagged":
		made.untagged = true
	case "any":
		made.tags, made.untagged = []string{"**"}, true
	default:
		return rule{}, "", fmt.Errorf("tagStatus %q is not known", s.Status)
	}
	remove, why := r.condition(several)
	if why != "" {
		d.note(Dropped, r.where, "%s; what it matches is kept", why)
		return made, shield, nil
	}
	if several {
		remove = both(shield, remove)
		d.note(Stricter, r.where, "an image needs a tag for every entry; only those of its tags go that match one, and the others stay")
	} else {
		d.note(Exact, r.where, "%s %d becomes a condition on the push time", r.Selection.Count, r.Selection.Number)
	}
	made.ageFrom = "pushed"
	made.remove = []item{{remove, ""}}
	return made, shield, nil
}

// condition of removal, or why there is none.
func (r ecrRule) condition(several bool) (condition, why string) {
	s := r.Selection
	switch {
	case r.Action.Type != "expire":
		return "", fmt.Sprintf("the action %q moves images to another storage class, and regkeep only removes", r.Action.Type)
	case s.Class != "" && s.Class != "standard":
		return "", fmt.Sprintf("regkeep does not see the storage class %q", s.Class)
	case s.Number < 1:
		return "", fmt.Sprintf("countNumber %d is less than 1", s.Number)
	}
	if s.Count == "imageCountMoreThan" {
		if several {
			return "", "a rule of regkeep ranks every image with any of the patterns, but this one counts only images with all of them"
		}
		return fmt.Sprintf("beyond: %d, by: pushed", s.Number), ""
	}
	length, err := days(s.Number)
	switch {
	case s.Unit != "days":
		return "", fmt.Sprintf("countUnit %q is not known", s.Unit)
	case err != nil:
		return "", err.Error()
	case s.Count == "sinceImagePushed":
		return "older_than: " + length, ""
	case s.Count == "sinceImagePulled":
		return "", "ECR takes sinceImagePulled only for transitions, and counts from the return of an archived image, which regkeep does not see"
	}
	return "", fmt.Sprintf("regkeep does not see what countType %q counts", s.Count)
}
