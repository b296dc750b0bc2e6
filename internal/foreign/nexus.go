package foreign

import (
	"bytes"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// https://help.sonatype.com/en/cleanup-policies.html
type nexusPolicy struct {
	Name         string   `json:"name"`
	Format       string   `json:"format"`
	Notes        string   `json:"notes,omitempty"`
	Mode         string   `json:"mode,omitempty"`
	Updated      *int     `json:"criteriaLastBlobUpdated,omitempty"`
	Downloaded   *int     `json:"criteriaLastDownloaded,omitempty"`
	Release      *string  `json:"criteriaReleaseType,omitempty"`
	Regex        *string  `json:"criteriaAssetRegex,omitempty"`
	Retain       *int     `json:"retain,omitempty"`
	SortBy       *string  `json:"sortBy,omitempty"`
	InUse        int      `json:"inUseCount,omitempty"`
	Repositories []string `json:"repositories,omitempty"`
}

// nexus: a component goes if all criteria of a policy hold for it, of any
// policy that its repository has.
func nexus(data []byte, d *draft) error {
	var policies []nexusPolicy
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		policies = make([]nexusPolicy, 1)
		if err := decode(data, &policies[0]); err != nil {
			return err
		}
	} else if err := decode(data, &policies); err != nil {
		return err
	}
	var order []string
	rules := map[string]*rule{}
	for i, p := range policies {
		where := fmt.Sprintf("[%d]", i)
		if !slices.Contains([]string{"docker", "*", "ALL_FORMATS"}, p.Format) {
			d.note(Exact, where, "it is for the format %q and concerns no images", p.Format)
			continue
		}
		repositories := p.Repositories
		if len(repositories) == 0 {
			d.note(Wider, where, "it does not name the repositories that have it: put them, each with /** behind, in the place of \"**\", or it governs all of them")
			repositories = []string{""}
		}
		condition, why := p.removes(where, d)
		if why != "" {
			d.note(Dropped, where, "%s", why)
			continue
		}
		for _, repository := range repositories {
			if rules[repository] == nil {
				rules[repository] = &rule{tags: []string{"**"}, ageFrom: "pushed"}
				order = append(order, repository)
			}
			rules[repository].remove = append(rules[repository].remove, item{condition, where + " " + p.Name + " " + p.Notes})
		}
	}
	// Those that name no repository come last: the first policy governs.
	slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(b, a) })
	for _, repository := range order {
		g := governing{repositories: []string{"**"}, rules: []rule{*rules[repository]}}
		if repository != "" {
			g.repositories = []string{literal(repository) + "/**"}
		}
		d.policies = append(d.policies, g)
	}
	if len(d.policies) > 0 {
		d.note(Stricter, "", "untagged manifests stay")
	}
	return nil
}

func (p nexusPolicy) removes(where string, d *draft) (condition, why string) {
	var parts []string
	if p.Release != nil && *p.Release != "" {
		return "", "images are neither releases nor pre-releases to Nexus"
	}
	for _, age := range []struct {
		days      *int
		condition string
	}{{p.Updated, "older_than"}, {p.Downloaded, "not_pulled_for"}} {
		if age.days == nil {
			continue
		}
		length, err := days(*age.days)
		if err != nil {
			return "", err.Error()
		}
		parts = append(parts, age.condition+": "+length)
	}
	kind, text := Exact, "age is counted from the last push"
	if p.Downloaded != nil {
		kind, text = Stricter, "a push counts as use here; in Nexus it does only where nothing was downloaded yet"
	}
	if p.Regex != nil && *p.Regex != "" {
		names, stricter, err := nexusRegex(*p.Regex)
		if err != nil {
			return "", err.Error() + "; what it matches stays"
		}
		parts = append(parts, names...)
		switch {
		case stricter != "" && kind == Stricter:
			text += "; " + stricter
		case stricter != "":
			kind, text = Stricter, stricter
		}
	}
	if p.Retain != nil && *p.Retain > 0 {
		switch {
		case len(parts) > 0:
			d.nearest = append(d.nearest, fmt.Sprintf("%s remove: [{%s}], keep: [{newest: %d, by: pushed, count: tags}]", where, both(parts...), *p.Retain))
			return "", "retain counts only among the components that the criteria match, and keep counts among all"
		case p.SortBy == nil || *p.SortBy != "date":
			return "", "Nexus orders versions in a way of its own"
		}
		parts = append(parts, fmt.Sprintf("beyond: %d, by: pushed, count: tags", *p.Retain))
	}
	if len(parts) == 0 {
		return "", "it has no criteria"
	}
	d.note(kind, where, "%s", text)
	return both(parts...), ""
}

// nexusRegex: the expression has to match the whole name of an asset, which is
// /v2/IMAGE/manifests/TAG (RegexCleanupEvaluator of nexus-public; the Lucene of
// OrientDB anchored at both ends too).
func nexusRegex(expression string) (conditions []string, stricter string, err error) {
	if err := portable(expression); err != nil {
		return nil, "", err
	}
	const manifests, root = "/manifests/", "/v2/"
	expression = strings.TrimPrefix(expression, "^")
	if rest, ends := strings.CutSuffix(expression, "$"); ends && !strings.HasSuffix(rest, `\`) {
		expression = rest
	}
	image, tag, split := strings.Cut(expression, manifests)
	switch {
	case !split && !startsWithAnything(expression):
		return nil, "", fmt.Errorf("the expression %q has to match the whole path of a manifest, %sIMAGE%sTAG, and does not say where the tag begins", expression, root, manifests)
	case !split:
		// What any text may precede matches the path where it matches its end.
		tags := whole(expression)
		return []string{"tags: " + list([]string{tags})}, "the expression has to match the whole tag; what it matches across image and tag stays", accepted(tags)
	case tag == "":
		return nil, "", fmt.Errorf("the expression %q matches no path: there is a tag behind %s", expression, manifests)
	case strings.ContainsAny(expression, "|") || strings.Contains(expression, "(?") || strings.Contains(tag, manifests):
		return nil, "", fmt.Errorf("the expression %q cannot be divided into image and tag", expression)
	}
	for _, half := range []string{image, tag} {
		if err := portable(half); err != nil {
			return nil, "", fmt.Errorf("the expression %q cannot be divided into image and tag", expression)
		}
	}
	tags := whole(tag)
	if tags != "**" {
		conditions = append(conditions, "tags: "+list([]string{tags}))
	}
	switch name, atRoot := strings.CutPrefix(image, root); {
	case image == ".*" || atRoot && name == ".*":
	case atRoot:
		conditions = append(conditions, repositoryIs("[^/]+/(?:"+name+")"))
	case startsWithAnything(image):
		conditions, stricter = append(conditions, repositoryIs("[^/]+/(?:"+image+")")), "the expression has to match the whole name of the image"
	default:
		return nil, "", fmt.Errorf("the expression %q matches no path: it has to match all of one, and paths begin with %s", expression, root)
	}
	if len(conditions) == 0 {
		conditions = []string{`tags: ["**"]`}
	}
	return conditions, stricter, accepted(tags)
}

// startsWithAnything says whether an expression is .* and something behind it.
func startsWithAnything(expression string) bool {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return false
	}
	for {
		switch {
		case tree.Op == syntax.OpConcat || tree.Op == syntax.OpCapture:
			tree = tree.Sub[0]
		default:
			return tree.Op == syntax.OpStar && (tree.Sub[0].Op == syntax.OpAnyCharNotNL || tree.Sub[0].Op == syntax.OpAnyChar)
		}
	}
}

// repositoryIs holds where the whole name of the repository matches.
func repositoryIs(expression string) string {
	return "when: " + quote("repository.matches("+strconv.Quote("^"+expression+"$")+")")
}
