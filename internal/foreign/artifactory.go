package foreign

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/regkeep/regkeep/internal/policy/document"
)

// The tool looks for manifest.json, so it does not see indexes, which
// Artifactory calls list.manifest.json (artifactory-cleanup#121).
const noIndexes = `media_types: ["!application/vnd.oci.image.index.v1+json", "!application/vnd.docker.distribution.manifest.list.v2+json"]`

// artifactoryRule is one policy of the tool as far as it concerns images.
type artifactoryRule struct {
	title        string
	repositories []string
	conditions   []string
	aged         bool
}

// artifactoryCleanup: the rules of a policy are filters one after the other, and
// what passes them all goes.
func artifactoryCleanup(data []byte, d *draft) error {
	root, faults := document.Read(data)
	if len(faults) > 0 {
		// What is wrong may quote the password that stands in the same file.
		return fmt.Errorf("line %d: the file cannot be read as YAML", faults[0].Line)
	}
	if root.Kind == document.Map && root.Field("artifactory-cleanup") != nil {
		root = root.Field("artifactory-cleanup")
	}
	if root.Kind != document.Map || root.Field("policies") == nil || root.Field("policies").Kind != document.List {
		return errors.New("the list policies is missing")
	}
	d.note(Wider, "", "without --destroy the tool only shows what this policy removes")
	var order []string
	rules := map[string]*rule{}
	for i, v := range root.Field("policies").Items {
		where := fmt.Sprintf("policies[%d] (line %d)", i, v.Line)
		p, err := artifactoryPolicy(v)
		if err != nil {
			d.note(Dropped, where, "%s; what it selects stays", err)
			continue
		}
		for _, repository := range p.repositories {
			if rules[repository] == nil {
				rules[repository] = &rule{tags: []string{"**"}, ageFrom: "pushed"}
				order = append(order, repository)
			}
			r := rules[repository]
			r.remove = append(r.remove, item{both(append(slices.Clone(p.conditions), noIndexes)...), where + " " + p.title})
		}
		if p.aged {
			d.note(Stricter, where, "one day more: the tool counts back from the last midnight")
		} else {
			d.note(Exact, where, "all that its masks select goes")
		}
	}
	for _, repository := range order {
		d.policies = append(d.policies, governing{repositories: []string{literal(repository) + "/**"}, rules: []rule{*rules[repository]}})
	}
	if len(order) > 0 {
		d.note(Exact, "", "multi-platform images stay, as they do with the tool, which looks for manifest.json alone")
	}
	return nil
}

func artifactoryPolicy(v *document.Value) (artifactoryRule, error) {
	var p artifactoryRule
	if v.Kind != document.Map || v.Field("rules") == nil || v.Field("rules").Kind != document.List {
		return p, errors.New("it has no list of rules")
	}
	if name := v.Field("name"); name != nil {
		p.title = name.Text
	}
	docker, repos := false, 0
	for _, one := range v.Field("rules").Items {
		if one.Kind != document.Map || one.Field("rule") == nil {
			return p, fmt.Errorf("line %d is no rule", one.Line)
		}
		name := one.Field("rule").Text
		if name == "Repo" || name == "RepoList" {
			if repos++; repos > 1 {
				return p, fmt.Errorf("line %d names repositories once more", one.Line)
			}
		}
		condition, err := p.filter(name, one)
		if err != nil {
			return p, fmt.Errorf("%s in line %d: %w", name, one.Line, err)
		}
		if condition != "" {
			docker = true
			p.conditions = append(p.conditions, condition)
		}
	}
	switch {
	case len(p.repositories) == 0:
		return p, errors.New("it names no repository")
	case !docker:
		return p, errors.New("none of its rules is for images")
	}
	return p, nil
}

// filter gives the condition of one rule; none for the one that names
// repositories. A rule Repo without a name means the name of the policy.
func (p *artifactoryRule) filter(name string, v *document.Value) (string, error) {
	argument := map[string]string{
		"Repo": "name", "RepoList": "repos", "DeleteDockerImagesOlderThan": "days", "DeleteDockerImagesNotUsed": "days", "IncludeDockerImages": "masks", "ExcludeDockerImages": "masks",
	}[name]
	if argument == "" {
		if strings.HasPrefix(name, "Keep") {
			return "", errors.New("it counts among what the rules before it have left, and keep counts among all")
		}
		return "", errors.New("regkeep cannot say it")
	}
	value := v.Field(argument)
	switch {
	case name == "Repo" && len(v.Fields) == 1:
		value = &document.Value{Kind: document.Text, Text: p.title}
	case value == nil || len(v.Fields) != 2:
		return "", fmt.Errorf("one argument %s is expected", argument)
	}
	switch name {
	case "Repo", "RepoList":
		names := []*document.Value{value}
		if name == "RepoList" {
			names = value.Items
		}
		for _, one := range names {
			if one.Text == "" || strings.ContainsAny(one.Text, "*/[]") {
				return "", errors.New("names of repositories are expected")
			}
			p.repositories = append(p.repositories, one.Text)
		}
		return "", nil
	case "DeleteDockerImagesOlderThan", "DeleteDockerImagesNotUsed":
		n, err := strconv.Atoi(value.Text)
		if err != nil || n < 0 {
			return "", errors.New("days is not a number from 0")
		}
		length, err := days(n + 1)
		if err != nil {
			return "", err
		}
		p.aged = true
		if name == "DeleteDockerImagesNotUsed" {
			return "not_pulled_for: " + length, nil
		}
		return "older_than: " + length, nil
	}
	masks := []*document.Value{value}
	if value.Kind == document.List {
		masks = value.Items
	}
	var expressions []string
	for _, mask := range masks {
		if mask.Kind == document.Map || mask.Kind == document.List || mask.Text == "" {
			return "", errors.New("a mask is not a text")
		}
		expressions = append(expressions, artifactoryMask(mask.Text))
	}
	if len(expressions) == 0 {
		return "", errors.New("there are no masks")
	}
	expression := "^[^/]+/(" + strings.Join(expressions, "|") + ")$"
	condition := "(repository + '/' + tag).matches(" + strconv.Quote(expression) + ")"
	if name == "ExcludeDockerImages" {
		condition = "!" + condition
	}
	return "when: " + quote(condition), nil
}

// artifactoryMask: a colon stands for a slash, and a star also for slashes.
func artifactoryMask(mask string) string {
	text := regexp.QuoteMeta(strings.ReplaceAll(mask, ":", "/"))
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(text)
}
