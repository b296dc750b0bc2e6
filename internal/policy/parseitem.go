package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/policy/calendar"
	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// scope is where a condition is being read.
type scope struct {
	where   place
	rule    *rule // nil in protect
	negated bool  // under an odd number of not:
	order   rankSpec
}

func (c *compiler) itemList(v *document.Value, s scope) []*item {
	var items []*item
	name := v.Path[strings.LastIndexByte(v.Path, '.')+1:]
	for _, value := range c.list(v, name) {
		if it := c.item(value, s); it != nil {
			items = append(items, it)
		}
	}
	return items
}

func (c *compiler) item(v *document.Value, s scope) *item {
	what := "a " + s.where.String() + " condition"
	switch {
	case v.Kind != document.Map:
		c.problem(v, "", "%s must be a mapping such as %s, not %s", what, map[place]string{inRemove: "{older_than: 30d}", inKeep: "{newest: 5}", inProtect: "{tags: [prod]}"}[s.where], v.Kind)
		return nil
	case len(v.Fields) == 0:
		c.problem(v, "", "%s is empty", what)
		return nil
	}
	it := &item{path: v.Path, line: v.Line, column: v.Column, id: c.items}
	c.items++
	s.order = c.order(v, s)
	ranks := false
	for _, field := range v.Fields {
		if _, modifier := find(field.Key, modifierKeys); modifier {
			continue
		}
		k, known := find(field.Key, conditionKeys, nestingKeys)
		switch {
		case !known:
			c.unknownKey(field, what, c.allowed(s.where))
			continue
		case k.where&s.where == 0:
			c.problem(&document.Value{Line: field.Line, Column: field.Column, Path: field.Value.Path}, instead(field.Key, s.where),
				"%s stands under %s, not under %s", field.Key, k.where, s.where)
			continue
		}
		t := c.test(field.Key, field.Value, s)
		if t == nil {
			continue
		}
		if why := lawless(t); s.negated && why != "" {
			c.problem(field.Value, "", "%s cannot stand under not: %s", field.Key, why)
		}
		it.tests = append(it.tests, t)
		_, ranked := t.(ranker)
		ranks = ranks || ranked
	}
	for _, field := range v.Fields {
		if _, modifier := find(field.Key, modifierKeys); modifier && !ranks {
			c.problem(&document.Value{Line: field.Line, Column: field.Column, Path: field.Value.Path}, "",
				"%s stands beside newest, beyond, hourly, daily, weekly, monthly or yearly in the same item", field.Key)
		}
	}
	if len(it.tests) == 0 {
		return nil
	}
	return it
}

// lawless says why a condition has no negation.
func lawless(t test) string {
	switch t := t.(type) {
	case *rankTest, *calendarTest:
		return "every run would remove the newest that the run before has left"
	case *versionTest:
		if t.newest > 0 {
			return "every run would remove the newest that the run before has left"
		}
	case useTest:
		return "then evidence of use would remove"
	}
	return ""
}

// instead suggests the condition that says nearly the same in that place.
func instead(name string, where place) string {
	twins := map[string]string{"within": "older_than", "newest": "beyond", "pulled_within": "not_pulled_for"}
	for keep, remove := range twins {
		if where == inRemove && name == keep {
			return remove
		}
		if where == inKeep && name == remove {
			return keep
		}
	}
	return ""
}

func (c *compiler) allowed(where place) []string {
	var allowed []string
	for _, table := range [][]key{conditionKeys, nestingKeys, modifierKeys} {
		for _, k := range table {
			if k.where&where != 0 {
				allowed = append(allowed, k.name)
			}
		}
	}
	return allowed
}

var periods = map[string]calendar.Period{
	"hourly": calendar.Hour, "daily": calendar.Day, "weekly": calendar.Week, "monthly": calendar.Month, "yearly": calendar.Year,
}

// test reads one condition; nil where it cannot be understood.
func (c *compiler) test(name string, v *document.Value, s scope) test {
	switch name {
	case "older_than", "within":
		return &ageTest{within: name == "within", limit: c.cutoff(c.duration(v, name, false))}
	case "not_pulled_for", "pulled_within":
		return &pullTest{within: name == "pulled_within", limit: c.cutoff(c.duration(v, name, false))}
	case "newest", "beyond":
		n := c.whole(v, name, 1)
		return &rankTest{beyond: name == "beyond", n: n, slot: s.rule.ranking(s.order), spec: s.order}
	case "hourly", "daily", "weekly", "monthly", "yearly":
		n := c.whole(v, name, 1)
		if !s.order.timed() {
			c.problem(v, "", "%s needs times to order by, not %s", name, orderNames[s.order.by])
		}
		spec := s.order
		spec.date = spec.date || spec.by == byCaptured
		t := &calendarTest{period: periods[name], name: name, n: n, slot: s.rule.ranking(spec), spec: spec, key: mustCode(name)}
		t.marks = s.rule.marker(t)
		return t
	case "semver":
		return c.semver(v, s)
	case "tags":
		return &tagsTest{list: c.patterns(v, name)}
	case "image_tags":
		return c.imageTags(v)
	case "labels", "annotations":
		return c.patternMap(v, name)
	case "media_types", "artifact_types", "platforms":
		return &listTest{name: name, list: c.patterns(v, name), key: mustCode(name)}
	case "size_over":
		n, err := duration.ParseSize(v.Text)
		if err != nil {
			c.problem(v, err.(*duration.Error).Suggestion, "%s: %v", name, err)
		}
		return &sizeTest{over: n, text: v.Text}
	case "expired", "everything", "in_use":
		return c.flag(name, v)
	case "when":
		return c.expression(v)
	case "any", "all":
		return &groupTest{name: name, items: c.itemList(v, scope{where: s.where, rule: s.rule, negated: s.negated})}
	case "not":
		if it := c.item(v, scope{where: s.where, rule: s.rule, negated: !s.negated}); it != nil {
			return &notTest{item: it}
		}
	}
	return nil
}

func (c *compiler) flag(name string, v *document.Value) test {
	if v.Kind != document.Bool || v.Text != "true" {
		c.problem(v, "", "%s can only be true, not %q; write not: {%s: true} for the opposite", name, v.Text, name)
	}
	switch name {
	case "expired":
		return expiredTest{}
	case "in_use":
		return useTest{}
	default:
		return everythingTest{}
	}
}

func mustCode(name string) Code {
	k, _ := find(name, conditionKeys)
	return k.code
}

func (c *compiler) cutoff(d duration.Duration) cutoff {
	index := slices.Index(c.cutoffs, d)
	if index < 0 {
		index = len(c.cutoffs)
		c.cutoffs = append(c.cutoffs, d)
	}
	return cutoff{index: index, length: d}
}

// order reads by, per and count.
func (c *compiler) order(v *document.Value, s scope) rankSpec {
	var o rankSpec
	if by := v.Field("by"); by != nil {
		c.orderBy(by, s, &o)
	}
	if per := v.Field("per"); per != nil {
		o.per = c.group(per, s)
	}
	if count := v.Field("count"); count != nil {
		o.tags = c.choice(count, modifierKeys, "count") == "tags"
	}
	if o.by == byCaptured && o.group == "" {
		c.onlyGroup(v.Field("by"), s, &o)
	}
	return o
}

func (c *compiler) orderBy(v *document.Value, s scope, o *rankSpec) {
	if v.Kind != document.Map {
		o.by = by(slices.Index(orderNames, c.choice(v, modifierKeys, "by")))
		return
	}
	if !c.mapping(v, "by", orderKeys) {
		return
	}
	o.by = byCaptured
	if group := v.Field("captured"); group != nil {
		o.group = c.group(group, s)
	}
	if as := v.Field("as"); as != nil {
		switch c.choice(as, orderKeys, "as") {
		case "number":
			o.number = true
		case "date":
			o.date = true
		}
	}
}

// group reads the name of a group that every expression of the rule has.
func (c *compiler) group(v *document.Value, s scope) string {
	name := c.text(v, "the named group")
	if s.rule == nil {
		return name
	}
	include := s.rule.tags.Include()
	if len(include) == 0 {
		c.problem(v, "", "the rule has no expression with a group (?P<%s>…)", name)
	}
	for _, p := range include {
		if !slices.Contains(p.Groups(), name) {
			c.problem(v, document.Suggest(name, p.Groups()), "the tags pattern %s of the rule has no group (?P<%s>…)", p, name)
			break
		}
	}
	return name
}

// onlyGroup finds the one group that is left for by: captured.
func (c *compiler) onlyGroup(v *document.Value, s scope, o *rankSpec) {
	var groups []string
	if s.rule != nil {
		for _, p := range s.rule.tags.Include() {
			for _, group := range p.Groups() {
				if group != o.per && !slices.Contains(groups, group) {
					groups = append(groups, group)
				}
			}
		}
	}
	if len(groups) != 1 {
		c.problem(v, "", "by: captured needs one named group in the rule's expressions, found %d; write by: {captured: NAME}", len(groups))
		return
	}
	o.group = c.group(&document.Value{Kind: document.Text, Text: groups[0], Line: v.Line, Column: v.Column, Path: v.Path}, s)
}

func (c *compiler) imageTags(v *document.Value) test {
	if !c.mapping(v, "image_tags", imageTagsKeys) {
		return nil
	}
	if len(v.Fields) == 0 {
		c.problem(v, "", "image_tags needs any, all or none")
	}
	t := &imageTagsTest{}
	for _, field := range v.Fields {
		switch field.Key {
		case "any":
			t.any = c.patterns(field.Value, "any")
		case "all":
			t.all = c.patterns(field.Value, "all")
		case "none":
			t.none = c.patterns(field.Value, "none")
		}
	}
	return t
}

func (c *compiler) patternMap(v *document.Value, name string) test {
	if v.Kind != document.Map || len(v.Fields) == 0 {
		c.problem(v, "", "%s must be a mapping from names to patterns, such as {com.example.hold: \"true\"}, not %s", name, v.Kind)
		return nil
	}
	t := &mapTest{name: name, key: mustCode(name)}
	for _, field := range v.Fields {
		t.entries = append(t.entries, mapEntry{name: field.Key, list: c.patterns(field.Value, fmt.Sprintf("%s %s", name, field.Key))})
	}
	slices.SortFunc(t.entries, func(a, b mapEntry) int { return strings.Compare(a.name, b.name) })
	return t
}
