package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy
type garPolicy struct {
	Name        string        `json:"name,omitempty"`
	ID          string        `json:"id,omitempty"`
	Description string        `json:"description,omitempty"`
	Action      garAction     `json:"action"`
	Condition   *garCondition `json:"condition,omitempty"`
	Recent      *garRecent    `json:"mostRecentVersions,omitempty"`
	where       string
}

type garAction struct {
	Type string `json:"type"`
}

type garCondition struct {
	State    string   `json:"tagState,omitempty"`
	Tags     []string `json:"tagPrefixes,omitempty"`
	Versions []string `json:"versionNamePrefixes,omitempty"`
	Packages []string `json:"packageNamePrefixes,omitempty"`
	Older    string   `json:"olderThan,omitempty"`
	Newer    string   `json:"newerThan,omitempty"`
}

type garRecent struct {
	Packages []string `json:"packageNamePrefixes,omitempty"`
	Count    int      `json:"keepCount"`
}

// gar: a version goes if any Delete policy matches it and no Keep policy does.
func gar(data []byte, d *draft) error {
	var policies []garPolicy
	if err := decode(data, &policies); err != nil {
		return err
	}
	d.note(Wider, "", "cleanup policies belong to one repository, which they do not name: put PROJECT/REPOSITORY in the place of \"**\" and \"*/*\", or they govern all of them")
	var keep []item
	var deletes []garPolicy
	for i, p := range policies {
		p.where = fmt.Sprintf("[%d]", i)
		switch strings.ToLower(p.Action.Type) {
		case "keep":
			kept, err := p.keeps(d)
			if err != nil {
				return fmt.Errorf("%s: %w", p.where, err)
			}
			keep = append(keep, kept)
		case "delete":
			if p.Condition == nil || p.Recent != nil {
				return fmt.Errorf("%s: a Delete policy has a condition and no mostRecentVersions", p.where)
			}
			deletes = append(deletes, p)
		default:
			return fmt.Errorf("%s: the action %q is not known", p.where, p.Action.Type)
		}
	}
	// A repository is governed by the first policy that names it, so those for
	// some packages come before those for all.
	var scopes []string
	for _, p := range deletes {
		if scope := p.scope(); scope != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) > 1 {
		d.note(Stricter, "", "where several lists of packageNamePrefixes match one package, only the Delete policies of the first one apply")
	}
	removals := map[string]string{}
	for _, p := range deletes {
		condition, why := p.removes(len(keep) > 0)
		if why != "" {
			d.note(Dropped, p.where, "%s; what it matches stays", why)
			continue
		}
		d.note(Exact, p.where, "Delete, counted from the push")
		removals[p.where] = condition
	}
	for _, scope := range append(scopes, "") {
		g := governing{repositories: []string{"**"}}
		if scope != "" {
			g.repositories = nil
			for _, prefix := range strings.Split(scope, "\n") {
				g.repositories = append(g.repositories, "*/*/"+literal(prefix)+"**")
			}
		}
		r := rule{tags: []string{"**"}, untagged: true, ageFrom: "pushed", keep: keep}
		for _, p := range deletes {
			if condition := removals[p.where]; condition != "" && (p.scope() == "" || p.scope() == scope) {
				r.remove = append(r.remove, item{condition, p.title()})
			}
		}
		if scope != "" || len(r.remove) > 0 {
			g.rules = []rule{r}
			d.policies = append(d.policies, g)
		}
	}
	return nil
}

func (p garPolicy) title() string {
	return strings.TrimSpace(p.where + " " + p.Action.Type + ": " + p.Name + p.ID + " " + p.Description)
}

func (p garPolicy) scope() string { return strings.Join(p.Condition.Packages, "\n") }

// keeps gives the keep condition. What cannot be said is left out of it, so
// that it keeps more.
func (p garPolicy) keeps(d *draft) (item, error) {
	switch {
	case p.Recent != nil && p.Condition == nil:
		if p.Recent.Count < 1 {
			return item{}, errors.New("keepCount is less than 1")
		}
		if len(p.Recent.Packages) > 0 {
			d.note(Stricter, p.where, "Keep applies to all packages, not only to those with its prefixes")
		} else {
			d.note(Exact, p.where, "the %d newest of every package stay", p.Recent.Count)
		}
		return item{fmt.Sprintf("newest: %d, by: pushed", p.Recent.Count), p.title()}, nil
	case p.Condition == nil || p.Recent != nil:
		return item{}, errors.New("a Keep policy has either a condition or mostRecentVersions")
	}
	parts, err := p.Condition.names()
	if err != nil {
		return item{}, err
	}
	if p.Condition.Newer != "" {
		length, err := garSpan(p.Condition.Newer)
		if err != nil {
			return item{}, err
		}
		parts = append(parts, "within: "+length)
	}
	if p.Condition.Older != "" || len(p.Condition.Packages) > 0 {
		d.note(Stricter, p.where, "Keep applies whatever the package, and also to what is younger")
	} else {
		d.note(Exact, p.where, "Keep")
	}
	if len(parts) == 0 {
		parts = []string{`any: [{tags: ["**"]}, {` + isUntagged + `}]`}
	}
	return item{both(parts...), p.title()}, nil
}

// removes gives the remove condition, or why there is none.
func (p garPolicy) removes(shielded bool) (condition, why string) {
	parts, err := p.Condition.names()
	if err != nil {
		return "", err.Error()
	}
	if p.Condition.Newer != "" {
		return "", "regkeep does not remove what is young because it is young"
	}
	if p.Condition.Older != "" {
		length, err := garSpan(p.Condition.Older)
		if err != nil {
			return "", err.Error()
		}
		parts = append(parts, "older_than: "+length)
	}
	switch {
	case len(parts) > 0:
		return both(parts...), ""
	case !shielded:
		return "", "it matches everything, and nothing beside it keeps anything"
	}
	return "everything: true", ""
}

// names gives what a condition asks of tags and digests.
func (c garCondition) names() ([]string, error) {
	var parts []string
	switch strings.ToLower(c.State) {
	case "", "any", "tag_state_unspecified":
	case "tagged":
		if len(c.Tags) == 0 {
			parts = append(parts, anyTag("**"))
		}
	case "untagged":
		parts = append(parts, isUntagged)
	default:
		return nil, fmt.Errorf("tagState %q is not known", c.State)
	}
	if len(c.Tags) > 0 {
		var globs []string
		for _, prefix := range c.Tags {
			globs = append(globs, literal(prefix)+"*")
		}
		if err := accepted(globs...); err != nil {
			return nil, err
		}
		parts = append(parts, anyTag(globs...))
	}
	if len(c.Versions) > 0 {
		var starts []string
		for _, prefix := range c.Versions {
			starts = append(starts, "digest.startsWith("+strconv.Quote(prefix)+")")
		}
		parts = append(parts, "when: "+quote(strings.Join(starts, " || ")))
	}
	return parts, nil
}

// garSpan reads 30d, 12h, 90m or 3600s.
func garSpan(text string) (string, error) {
	units := map[byte]time.Duration{'d': day, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	if text == "" || units[text[len(text)-1]] == 0 {
		return "", fmt.Errorf("%q is not a length of time such as 30d", text)
	}
	unit := units[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil || n < 1 || n > int64(36500*day/unit) {
		return "", fmt.Errorf("%q is not a length of time from a second to 100 years", text)
	}
	return span(time.Duration(n) * unit)
}
