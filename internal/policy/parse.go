package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones mean the same on every machine

	"cel.dev/cel-go/cel"

	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// compiler turns a document into a Policy and notes what is wrong.
type compiler struct {
	file     string
	problems Problems
	cutoffs  []duration.Duration
	items    int
	env      *cel.Env // made for the first expression
}

func (c *compiler) problem(v *document.Value, suggestion, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		File: c.file, Line: v.Line, Column: v.Column, Path: v.Path,
		Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	})
}

// mapping checks that v is a mapping with known keys only and all required
// ones.
func (c *compiler) mapping(v *document.Value, what string, tables ...[]key) bool {
	if v.Kind != document.Map {
		c.problem(v, "", "%s must be a mapping, not %s", what, v.Kind)
		return false
	}
	for _, field := range v.Fields {
		if _, known := find(field.Key, tables...); !known {
			c.unknownKey(field, what, names(tables...))
		}
	}
	for _, table := range tables {
		for _, k := range table {
			if k.required && v.Field(k.name) == nil {
				c.problem(v, "", "%s needs the key %q", what, k.name)
			}
		}
	}
	return true
}

func (c *compiler) unknownKey(field document.Field, what string, known []string) {
	c.problems = append(c.problems, Problem{
		File: c.file, Line: field.Line, Column: field.Column, Path: field.Value.Path,
		Message: fmt.Sprintf("unknown key %q in %s", field.Key, what), Suggestion: suggest(field.Key, known),
	})
}

// otherWords are what other cleaners call a key.
var otherWords = map[string][]string{
	"age": {"older_than", "within"}, "max_age": {"older_than"}, "last": {"newest"}, "latest": {"newest"}, "keep_last": {"newest"}, "keep_n": {"newest"}, "count": {"newest"},
	"tag": {"tags"}, "pattern": {"tags"}, "regex": {"tags"}, "filter": {"tags"}, "repository": {"repositories"}, "delete": {"remove"}, "retain": {"keep"},
	"exclude": {"protect"}, "unused_for": {"not_pulled_for", "pulled_within"}, "last_pulled": {"not_pulled_for", "pulled_within"}, "size": {"size_over"},
}

// suggest finds the key that a word stands for.
func suggest(word string, known []string) string {
	for _, meant := range otherWords[word] {
		if slices.Contains(known, meant) {
			return meant
		}
	}
	return document.Suggest(word, known)
}

func (c *compiler) document(root *document.Value) *Policy {
	p := &Policy{file: c.file, builtin: true}
	p.defaults = settings{Settings: DefaultSettings(), zone: time.UTC}
	if !c.mapping(root, "a policy file", topKeys, settingKeys, foreignKeys) {
		return p
	}
	switch v := root.Field("version"); {
	case v == nil:
	case v.Text == "1" && v.Kind != document.Int:
		c.problem(v, "", "version must be the number 1, without quotes")
	case v.Text != "1" || v.Kind != document.Int:
		c.problem(v, "1", "version %q of the policy language is not known", v.Text)
	}
	p.defaults = c.settings(root, p.defaults)
	if v := root.Field("protect"); v != nil {
		switch {
		case v.Kind == document.List && len(v.Items) == 0:
			p.builtin = false
		case v.Kind == document.Null:
			c.problem(v, "", "protect has no value: leave it out to protect the tag latest, or write [] to protect nothing")
		default:
			p.protect = c.itemList(v, scope{where: inProtect})
		}
	}
	if v := root.Field("policies"); v != nil {
		for _, item := range c.list(v, "policies") {
			if g := c.policy(item, p.defaults); g != nil {
				p.policies = append(p.policies, g)
			}
		}
	}
	c.everythingShielded(p)
	return p
}

// listLike shows what a list looks like.
var listLike = map[string]string{
	"remove": ", such as [{older_than: 30d}]", "keep": ", such as [{newest: 5}]", "protect": `, such as [{tags: [prod]}]`,
	"rules": ": each rule begins with a dash", "policies": ": each policy begins with a dash",
}

// list checks that v is a list with something in it.
func (c *compiler) list(v *document.Value, what string) []*document.Value {
	switch {
	case v.Kind == document.Null:
		c.problem(v, "", "%s has no value: leave it out, or write a list%s", what, listLike[what])
	case v.Kind != document.List:
		c.problem(v, "", "%s must be a list, not %s%s", what, v.Kind, listLike[what])
	case len(v.Items) == 0:
		c.problem(v, "", "%s is an empty list: leave it out or say what is meant", what)
	}
	return v.Items
}

func (c *compiler) policy(v *document.Value, defaults settings) *governed {
	if !c.mapping(v, "a policy", policyKeys, settingKeys) {
		return nil
	}
	g := &governed{path: v.Path, line: v.Line, settings: c.settings(v, defaults)}
	if repositories := v.Field("repositories"); repositories != nil {
		g.repositories = c.patterns(repositories, "repositories")
	}
	if name := v.Field("name"); name != nil {
		c.text(name, "name")
	}
	if rules := v.Field("rules"); rules != nil {
		for _, item := range c.list(rules, "rules") {
			if r := c.rule(item, g.settings); r != nil {
				g.rules = append(g.rules, r)
			}
		}
	}
	return g
}

func (c *compiler) rule(v *document.Value, set settings) *rule {
	if !c.mapping(v, "a rule", ruleKeys) {
		return nil
	}
	r := &rule{path: v.Path, line: v.Line, unknownOld: set.unknownOld}
	if name := v.Field("name"); name != nil {
		r.name = c.text(name, "name")
	}
	if tags := v.Field("tags"); tags != nil {
		r.tags = c.patterns(tags, "tags")
	}
	if untagged := v.Field("untagged"); untagged != nil {
		r.untagged = c.boolean(untagged, "untagged")
	}
	if v.Field("tags") == nil && !r.untagged {
		c.problem(v, "", `the rule claims nothing: give it tags: ["**"] for all tags, or untagged: true`)
	}
	if from := v.Field("age_from"); from != nil {
		r.ageFrom = AgeSource(1 + slices.Index([]string{"pushed", "created", "seen"}, c.choice(from, ruleKeys, "age_from")))
	}
	if unknown := v.Field("unknown_age"); unknown != nil {
		r.unknownOld = c.choice(unknown, ruleKeys, "unknown_age") == "old"
	}
	c.quarantine(v, r)
	if remove := v.Field("remove"); remove != nil {
		r.remove = c.itemList(remove, scope{where: inRemove, rule: r})
	}
	if keep := v.Field("keep"); keep != nil {
		r.keep = c.itemList(keep, scope{where: inKeep, rule: r})
	}
	return r
}

// quarantine reads what becomes of what goes.
func (c *compiler) quarantine(v *document.Value, r *rule) {
	action, long := v.Field("action"), v.Field("for")
	holds := action != nil && c.choice(action, ruleKeys, "action") == "quarantine"
	switch {
	case holds && long == nil:
		c.problem(action, "", "quarantine needs to know how long: write for: 14d beside it")
	case !holds && long != nil:
		c.problem(long, "", "for says how long images stay in quarantine: write action: quarantine beside it")
	case holds:
		r.quarantine = c.duration(long, "for", false)
	}
}

// everythingShielded refuses a rule that removes everything with nothing
// beside it that could keep anything.
func (c *compiler) everythingShielded(p *Policy) {
	for _, g := range p.policies {
		for _, r := range g.rules {
			if len(r.keep) > 0 || len(p.protect) > 0 {
				continue
			}
			for _, it := range r.remove {
				if it.saysEverything() {
					c.problems = append(c.problems, Problem{File: c.file, Line: it.line, Column: it.column, Path: it.path,
						Message: "everything: true needs a keep condition in its rule, or a protect condition, beside it"})
				}
			}
		}
	}
}

func (c *compiler) patterns(v *document.Value, what string) pattern.List {
	values := []*document.Value{v}
	if v.Kind == document.List {
		values = c.list(v, what)
	}
	var all []pattern.Pattern
	for _, value := range values {
		if value.Kind == document.List || value.Kind == document.Map || value.Kind == document.Null {
			c.problem(value, "", "%s must be patterns, not %s", what, value.Kind)
			continue
		}
		p, err := pattern.Parse(value.Text)
		if err != nil {
			c.problem(value, "", "%v", err)
			continue
		}
		all = append(all, p)
	}
	return pattern.NewList(all)
}

func (c *compiler) text(v *document.Value, what string) string {
	if v.Kind == document.List || v.Kind == document.Map || v.Kind == document.Null || strings.TrimSpace(v.Text) == "" {
		c.problem(v, "", "%s must be a text, not %s", what, v.Kind)
	}
	return v.Text
}

func (c *compiler) boolean(v *document.Value, what string) bool {
	if v.Kind != document.Bool {
		c.problem(v, "", "%s must be true or false, not %s", what, v.Kind)
	}
	return v.Text == "true"
}

func (c *compiler) choice(v *document.Value, table []key, name string) string {
	k, _ := find(name, table)
	if slices.Contains(k.choices, v.Text) && v.Kind == document.Text {
		return v.Text
	}
	c.problem(v, document.Suggest(v.Text, k.choices), "%s: %q is not one of %s", name, v.Text, strings.Join(k.choices, ", "))
	return k.choices[0]
}

// whole reads a whole number from least.
func (c *compiler) whole(v *document.Value, what string, least int) int {
	const most = 1_000_000_000
	n := 0
	for _, digit := range v.Text {
		if v.Kind != document.Int || digit < '0' || digit > '9' || n > most {
			n = -1
			break
		}
		n = n*10 + int(digit-'0')
	}
	switch {
	case v.Kind == document.Float:
		c.problem(v, "", "%s must be a whole number, written in digits, not %s", what, v.Text)
	case v.Kind != document.Int || v.Text == "":
		c.problem(v, "", "%s must be a whole number, not %s", what, cond(v.Kind == document.Text, fmt.Sprintf("the text %q", v.Text), v.Kind.String()))
	case n < 0 || n > most:
		c.problem(v, "", "%s: %s is not a whole number from %d to %d", what, v.Text, least, most)
	case n < least:
		c.problem(v, "", "%s: %d would %s; the least is %d", what, n, "mean nothing at all", least)
	}
	return max(n, least)
}

func cond(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// duration reads a duration that is longer than nothing.
func (c *compiler) duration(v *document.Value, what string, zero bool) duration.Duration {
	d, err := duration.Parse(v.Text)
	var fault *duration.Error
	switch {
	case v.Kind == document.List || v.Kind == document.Map || v.Kind == document.Null:
		c.problem(v, "", "%s must be a duration such as 30d, not %s", what, v.Kind)
	case err != nil:
		fault = err.(*duration.Error)
		c.problem(v, fault.Suggestion, "%s: %v", what, err)
	case d.Zero() && !zero:
		c.problem(v, "", "%s: %q has no length", what, v.Text)
	}
	return d
}
