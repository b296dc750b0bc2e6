package foreign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// https://goharbor.io/docs/latest/working-with-projects/working-with-images/create-tag-retention-rules/
type harborPolicy struct {
	ID        int64           `json:"id"`
	Algorithm string          `json:"algorithm"`
	Rules     []harborRule    `json:"rules"`
	Trigger   json.RawMessage `json:"trigger,omitempty"`
	Scope     json.RawMessage `json:"scope,omitempty"`
}

type harborRule struct {
	ID       int64                       `json:"id"`
	Priority int                         `json:"priority"`
	Disabled bool                        `json:"disabled"`
	Action   string                      `json:"action"`
	Template string                      `json:"template"`
	Params   map[string]float64          `json:"params"`
	Tags     []harborSelector            `json:"tag_selectors"`
	Scopes   map[string][]harborSelector `json:"scope_selectors"`
}

type harborSelector struct {
	Kind       string `json:"kind"`
	Decoration string `json:"decoration"`
	Pattern    string `json:"pattern"`
	Extras     string `json:"extras"`
}

// harborScope is the rules of one choice of repositories.
type harborScope struct {
	include, exclude []string
	rules            []harborClaim
	broken           bool // it has a rule that is not understood: all of it stays
}

// harborClaim is one or more rules with the same choice of tags.
type harborClaim struct {
	where    []string
	tags     []string
	untagged bool // it surely selects untagged artifacts
	perhaps  bool // it may
	all      bool // it retains all that it selects
	keep     []item
}

// everything says whether it selects every tag.
func (c harborClaim) everything() bool { return slices.Equal(c.tags, []string{"**"}) }

// harbor: an artifact is retained if any rule that selects it retains it, and
// everything else in the repositories of the rules goes, also what no rule
// selects.
func harbor(data []byte, d *draft) error {
	var original harborPolicy
	if err := decode(data, &original); err != nil {
		return err
	}
	if original.Algorithm != "or" && original.Algorithm != "" {
		return fmt.Errorf("algorithm %q is not known", original.Algorithm)
	}
	d.note(Wider, "", "tags that the project makes immutable stay in Harbor, and this policy does not know of them: name them under protect")
	d.note(Wider, "", "a retention policy belongs to one project, which it does not name: put the name in the place of the first * of the repositories, or it governs all projects")
	scopes := map[string]*harborScope{}
	var order []string
	for i, r := range original.Rules {
		where := fmt.Sprintf("rules[%d]", i)
		if r.Disabled {
			d.note(Exact, where, "it is disabled and retains nothing")
			continue
		}
		key := fmt.Sprintf("%+v", r.Scopes["repository"])
		scope, there := scopes[key]
		if !there {
			scope = &harborScope{}
			scopes[key], order = scope, append(order, key)
			if err := scope.choose(r.Scopes); err != nil {
				d.note(Dropped, where, "%s; all its repositories are left alone, and so is every rule with other repositories", err)
				return nil
			}
		}
		if err := scope.add(where, r, d); err != nil {
			scope.broken = true
			d.note(Dropped, where, "%s; everything in its repositories stays, because all that no rule retains would go", err)
		}
	}
	for _, key := range order {
		var others []*harborScope
		for _, other := range order {
			if other != key {
				others = append(others, scopes[other])
			}
		}
		scopes[key].write(d, others)
	}
	return nil
}

func (s *harborScope) choose(selectors map[string][]harborSelector) error {
	if len(selectors) != 1 || len(selectors["repository"]) != 1 {
		return fmt.Errorf("one repository selector is expected")
	}
	selector := selectors["repository"][0]
	pattern := selector.Pattern
	if pattern == "" {
		pattern = "**"
	}
	patterns, err := doublestar(pattern, false)
	if err != nil {
		return err
	}
	for _, p := range patterns {
		if selector.Decoration == "repoExcludes" {
			s.include = []string{"*/**"}
			s.exclude = append(s.exclude, "*/"+p)
		} else {
			s.include = append(s.include, "*/"+p)
		}
	}
	if selector.Kind != "doublestar" || selector.Decoration != "repoMatches" && selector.Decoration != "repoExcludes" {
		return fmt.Errorf("a selector %q %q is not known", selector.Kind, selector.Decoration)
	}
	return nil
}

// add reads a rule; rules with the same choice of tags become one.
func (s *harborScope) add(where string, r harborRule, d *draft) error {
	if len(r.Tags) != 1 || r.Action != "retain" {
		return fmt.Errorf("one tag selector and the action retain are expected")
	}
	selector := r.Tags[0]
	claim := harborClaim{where: []string{where}}
	pattern := selector.Pattern
	if pattern == "" {
		pattern = "**"
	}
	patterns, err := doublestar(pattern, false)
	if err != nil {
		return err
	}
	extras := struct {
		Untagged bool `json:"untagged"`
	}{selector.Decoration == "matches"}
	if selector.Extras != "" {
		if err := json.Unmarshal([]byte(selector.Extras), &extras); err != nil {
			return fmt.Errorf("extras %q are not understood", selector.Extras)
		}
	}
	switch {
	case selector.Kind == "doublestar" && selector.Decoration == "matches":
		claim.tags, claim.untagged, claim.perhaps = patterns, extras.Untagged, extras.Untagged
	case selector.Kind == "doublestar" && selector.Decoration == "excludes":
		claim.tags = []string{"**"}
		for _, p := range patterns {
			claim.tags = append(claim.tags, "!"+p)
		}
		claim.untagged, claim.perhaps = !extras.Untagged, true
	default:
		return fmt.Errorf("a selector %q %q is not known", selector.Kind, selector.Decoration)
	}
	retains, why := r.retains()
	switch {
	case why != "":
		claim.all = true
		d.note(Dropped, where, "%s; all that it selects stays", why)
	case retains == "" && r.Template == "always":
		claim.all = true
		d.note(Exact, where, "all that it selects stays")
	case retains == "":
		d.note(Exact, where, "it retains nothing")
		return nil
	default:
		claim.keep = []item{{retains, where + ": " + r.Template}}
		d.note(Stricter, where, "%s; an image that another rule selects as well stays", r.Template)
		if ranked := strings.HasPrefix(retains, "newest"); !ranked && !strings.HasPrefix(retains, "pulled_within") || ranked && !claim.everything() {
			claim.keep = append(claim.keep, severalTags)
			d.note(Stricter, where, "images with several tags stay: Harbor counts from the latest push of any of them, and regkeep from that of each")
		}
	}
	for i := range s.rules {
		same := &s.rules[i]
		if slices.Equal(same.tags, claim.tags) && same.untagged == claim.untagged && same.perhaps == claim.perhaps {
			same.where, same.all, same.keep = append(same.where, where), same.all || claim.all, append(same.keep, claim.keep...)
			return nil
		}
	}
	s.rules = append(s.rules, claim)
	return nil
}

// retains gives the keep condition of a rule; none where it retains all or
// nothing.
func (r harborRule) retains() (condition, why string) {
	value, there := r.Params[r.Template]
	n := int(value)
	if r.Template != "always" && (!there || float64(n) != value || n < 0) {
		return "", fmt.Sprintf("%s has no number", r.Template)
	}
	switch r.Template {
	case "always":
		return "", ""
	case "latestPushedK", "latestActiveK":
		switch {
		case n == 0:
			return "", ""
		case r.Template == "latestActiveK":
			return fmt.Sprintf("newest: %d, by: pulled", n), ""
		}
		return fmt.Sprintf("newest: %d, by: pushed", n), ""
	case "latestPulledN":
		return "", "latestPulledN ranks what was never pulled behind all others, and regkeep ranks it by its push"
	case "nDaysSinceLastPush", "nDaysSinceLastPull", "lastXDays":
		if n == 0 {
			return "", ""
		}
		length, err := days(n)
		if err != nil {
			return "", err.Error()
		}
		if r.Template == "nDaysSinceLastPull" {
			return "pulled_within: " + length, ""
		}
		return "within: " + length, ""
	}
	return "", fmt.Sprintf("the template %q is not known", r.Template)
}

// rest is the rule for what no rule selects, all of which goes; nil where they
// select everything.
func (s *harborScope) rest(untagged bool, shields []item) *rule {
	r := rule{comment: "what no rule selects goes", untagged: untagged, keep: shields}
	if !slices.ContainsFunc(s.rules, harborClaim.everything) {
		r.tags, r.remove = []string{"**"}, []item{{`tags: ["**"]`, ""}}
	}
	if untagged {
		r.remove = append(r.remove, item{isUntagged, ""})
	}
	if len(r.remove) == 0 {
		return nil
	}
	return &r
}

// severalTags keeps images of which not every time is known to a single tag.
var severalTags = item{`when: "tags.size() > 1"`, "take this away where the tags of an image are always pushed together"}

func (s *harborScope) write(d *draft, others []*harborScope) {
	g := governing{comment: "everything that no rule retains goes", repositories: slices.Clone(s.include)}
	for _, p := range s.exclude {
		g.repositories = append(g.repositories, "!"+p)
	}
	for _, other := range others {
		complement := slices.Equal(other.exclude, s.include) || slices.Equal(s.exclude, other.include)
		switch {
		case complement:
		case len(other.exclude) > 0:
			d.note(Dropped, "", "the repositories %v are left alone: those that rules with other repositories govern as well cannot be told from the others", s.include)
			return
		default:
			for _, p := range other.include {
				g.repositories = append(g.repositories, "!"+p)
			}
			d.note(Stricter, "", "repositories that match both %v and %v are left alone", s.include, other.include)
		}
	}
	if s.broken || len(s.rules) == 0 {
		if !s.broken {
			d.note(Stricter, "", "no rule for the repositories %v retains anything, so all in them would go; it stays", s.include)
		}
		g.comment = "a rule here is not understood, or none retains anything: everything stays"
		d.policies = append(d.policies, g)
		return
	}
	perhaps := 0
	var shields []item
	for _, claim := range s.rules {
		shields = append(shields, item{anyTag(claim.tags...), "selected by " + strings.Join(claim.where, ", ")})
		if claim.perhaps {
			perhaps++
		}
	}
	claimed := struct{ tags, untagged bool }{} // by the rules before
	for k, claim := range s.rules {
		r := rule{comment: strings.Join(claim.where, ", "), tags: claim.tags, untagged: claim.untagged, ageFrom: "pushed", keep: claim.keep}
		if !claim.all {
			r.remove = []item{{"everything: true", ""}}
		}
		r.keep = append(r.keep, slices.Concat(shields[:k], shields[k+1:])...)
		if claim.untagged && perhaps > 1 {
			r.keep = append(r.keep, item{isUntagged, "another rule selects untagged artifacts as well"})
		}
		if claimed.tags {
			r.tags = nil
		}
		r.untagged = r.untagged && !claimed.untagged
		claimed.tags, claimed.untagged = claimed.tags || claim.everything(), claimed.untagged || claim.untagged
		if len(r.tags) > 0 || r.untagged {
			g.rules = append(g.rules, r)
		}
	}
	if rest := s.rest(perhaps == 0, shields); rest != nil {
		g.rules = append(g.rules, *rest)
	}
	d.policies = append(d.policies, g)
}
