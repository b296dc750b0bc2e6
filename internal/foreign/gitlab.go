package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// https://docs.gitlab.com/user/packages/container_registry/reduce_container_registry_storage/
type gitlabPolicy struct {
	Cadence   string `json:"cadence,omitempty"`
	Enabled   bool   `json:"enabled"`
	KeepN     *int   `json:"keep_n"`
	OlderThan string `json:"older_than,omitempty"`
	Regex     string `json:"name_regex,omitempty"`
	// RegexDelete stands for Regex where it is there at all, also if it is empty.
	RegexDelete *string `json:"name_regex_delete,omitempty"`
	RegexKeep   string  `json:"name_regex_keep,omitempty"`
	NextRun     string  `json:"next_run_at,omitempty"`
}

var gitlabDuration = regexp.MustCompile(`^([0-9]+)(d|h)$`)

// gitlab: the tag latest is left out, then what the expression to delete does
// not match, then what the expression to keep matches, then the newest N of the
// rest, then what is not old enough.
func gitlab(data []byte, d *draft) error {
	var whole struct {
		Policy     json.RawMessage `json:"container_expiration_policy"`
		Attributes json.RawMessage `json:"container_expiration_policy_attributes"`
	}
	if json.Unmarshal(data, &whole) == nil {
		switch {
		case whole.Policy != nil:
			data = whole.Policy
		case whole.Attributes != nil:
			data = whole.Attributes
		}
	}
	var p gitlabPolicy
	if err := decode(data, &p); err != nil {
		return err
	}
	d.note(Wider, "", "a cleanup policy belongs to one project, which it does not name: put its path, and once more with /** behind it, in the place of \"**\", or it governs all projects")
	d.note(Wider, "", "protected and immutable tags stay in GitLab, and this policy does not know of them: name them under protect")
	d.note(Wider, "", "GitLab leaves the manifests of removed tags to its garbage collection; regkeep deletes a manifest with its last tag")
	remove := p.Regex
	if p.RegexDelete != nil {
		remove = *p.RegexDelete
	}
	switch {
	case !p.Enabled:
		d.note(Exact, "enabled", "the policy is switched off and removes nothing")
		return nil
	case remove == "":
		d.note(Exact, "name_regex_delete", "without an expression the policy removes nothing")
		return nil
	}
	return p.write(d, remove)
}

func (p gitlabPolicy) write(d *draft, remove string) error {
	g := governing{repositories: []string{"**"}}
	g.rules = append(g.rules, rule{comment: "the tag latest is never considered", tags: []string{"latest"}})
	for _, expression := range []string{remove, p.RegexKeep} {
		if err := portable(expression); err != nil {
			d.note(Dropped, "", "%s; everything stays", err)
			return nil
		}
	}
	if p.RegexKeep != "" {
		g.rules = append(g.rules, rule{comment: "name_regex_keep", tags: []string{gitlabKeep(p.RegexKeep)}})
		d.note(Exact, "name_regex_keep", "what it matches stays and takes no place among the newest")
	}
	r := rule{comment: "name_regex_delete", tags: []string{whole(remove)}}
	if err := accepted(r.tags...); err != nil {
		return err
	}
	if strings.Contains(remove, "|") {
		d.note(Stricter, "name_regex_delete", "GitLab anchors only the first and the last of the alternatives, each at one end; here all are anchored at both")
	}
	switch length, err := gitlabAge(p.OlderThan); {
	case err != nil:
		d.note(Dropped, "older_than", "%s; everything stays", err)
		return nil
	case length == "":
		r.remove = []item{{"tags: " + list(r.tags), "there is no older_than"}}
	default:
		r.remove = []item{{"older_than: " + length, "older_than"}}
		d.note(Stricter, "older_than", "the age is counted from the build or the push, whichever is later: GitLab counts from one or the other, by its version")
	}
	if p.KeepN != nil {
		if *p.KeepN < 0 {
			return errors.New("keep_n is negative")
		}
		if *p.KeepN > 0 {
			r.keep = []item{
				{fmt.Sprintf("newest: %d, by: created, count: tags", *p.KeepN), "keep_n, where GitLab orders by the build"},
				{fmt.Sprintf("newest: %d, count: tags", *p.KeepN), "and where it orders by the push"},
			}
			d.note(Wider, "keep_n", "of more than 1000 tags GitLab's own registry is read in pages, and keeps so many of each; here so many stay in all")
			d.note(Stricter, "keep_n", "GitLab counts tags, ordered by build or by push, by its version: the newest of both orders stay")
		}
	}
	g.rules = append(g.rules, r)
	d.policies = []governing{g}
	return accepted(g.rules[len(g.rules)-2].tags...)
}

// gitlabKeep: \A stands before the expression and \z behind it, so that with
// alternatives the first is anchored at the start only and the last at the end
// only.
func gitlabKeep(expression string) string {
	if !strings.Contains(expression, "|") {
		return whole(expression)
	}
	return `/.*(?:\A` + expression + `\z).*/`
}

func gitlabAge(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	found := gitlabDuration.FindStringSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%q is not a length of time that is understood", text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n < 1 || n > 36500 {
		return "", fmt.Errorf("%q is not a length of time from an hour to 100 years", text)
	}
	return text, nil
}
