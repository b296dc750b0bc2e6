package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// linter collects what looks like a mistake in a valid policy.
type linter struct {
	warnings []Warning
}

func (l *linter) warn(code, scope, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Code: code, Scope: scope, Message: fmt.Sprintf(format, args...)})
}

// lint looks at a policy without any registry.
func lint(p *Policy) []Warning {
	l := &linter{}
	l.items(nil, p.protect)
	var repositories []pattern.List
	for k, g := range p.policies {
		l.patterns(g.path, g.repositories)
		if by := l.shadowing(repositories, g.repositories, false); by >= 0 {
			l.warn("shadowed", g.path, "the policy on line %d never governs: every repository it matches is governed by that on line %d", g.line, p.policies[by].line)
		}
		repositories = append(repositories, p.policies[k].repositories)
		l.rules(p, g)
	}
	return l.warnings
}

func (l *linter) rules(p *Policy, g *governed) {
	var tags []pattern.List
	untagged := -1
	for k, r := range g.rules {
		by := l.shadowing(tags, r.tags, true)
		switch {
		case !r.tags.Empty() && by >= 0 && (!r.untagged || untagged >= 0):
			l.warn("shadowed", r.path, "the rule on line %d claims nothing: the one on line %d claims all of it", r.line, g.rules[by].line)
		case r.tags.Empty() && untagged >= 0:
			l.warn("shadowed", r.path, "the rule on line %d claims nothing: the one on line %d claims all untagged roots", r.line, g.rules[untagged].line)
		}
		tags = append(tags, r.tags)
		if r.untagged && untagged < 0 {
			untagged = k
		}
		l.tagPatterns(r.path, r.tags)
		l.items(r, r.remove)
		l.items(r, r.keep)
		l.rule(p, r)
	}
}

// shadowing finds an earlier list that surely matches all that this one does.
// tags says that they are of names without a slash.
func (l *linter) shadowing(earlier []pattern.List, list pattern.List, tags bool) int {
	if len(list.Include()) == 0 {
		return slices.IndexFunc(earlier, func(e pattern.List) bool {
			return len(e.Exclude()) == 0 && slices.ContainsFunc(e.Include(), pattern.Pattern.All) && len(list.Exclude()) > 0
		})
	}
	return slices.IndexFunc(earlier, func(e pattern.List) bool {
		for _, p := range list.Include() {
			if !covers(e, p, tags) {
				return false
			}
		}
		return true
	})
}

// covers says whether a list surely matches all that the pattern does.
func covers(list pattern.List, p pattern.Pattern, tags bool) bool {
	if name, literal := p.Literal(); literal {
		return list.Match(name)
	}
	if len(list.Exclude()) > 0 {
		return false
	}
	return slices.ContainsFunc(list.Include(), func(q pattern.Pattern) bool {
		if q.All() || q.String() == p.String() {
			return true
		}
		// v* covers v1.*: what comes before the star begins the other.
		prefix, star := strings.CutSuffix(q.String(), "*")
		prefix, slashes := strings.CutSuffix(prefix, "*")
		return star && (tags || slashes || !strings.Contains(p.String(), "**")) && !q.Expression() && !p.Expression() && !strings.ContainsAny(prefix, `*?[{\/`) &&
			!strings.ContainsAny(p.String(), "{/") && strings.HasPrefix(p.String(), prefix)
	})
}

// rule looks at what a rule's conditions say to each other.
func (l *linter) rule(p *Policy, r *rule) {
	if len(r.remove) == 0 && len(r.keep) > 0 {
		l.warn("no-effect", r.path, "the keep conditions on line %d decide nothing: the rule has no remove condition and keeps all that it claims", r.line)
	}
	for _, keep := range r.keep {
		if len(keep.tests) != 1 {
			continue
		}
		l.idle(r, keep)
		for _, remove := range r.remove {
			if len(remove.tests) == 1 {
				l.pair(keep, remove, keep.tests[0], remove.tests[0])
			}
		}
		l.reachable(r, keep)
	}
	if len(r.remove) > 0 && len(p.protect) == 0 && len(r.keep) > 0 && !slices.ContainsFunc(r.keep, func(it *item) bool { return !onlyTags(it) }) && unbounded(r) {
		l.warn("only-a-pattern", r.path, "the rule on line %d keeps nothing but what a tag pattern names: one mistyped pattern removes all; add newest or within", r.line)
	}
}

// onlyTags says whether an item asks for nothing but names.
func onlyTags(it *item) bool {
	return !slices.ContainsFunc(it.tests, func(t test) bool { return t.code() != CodeTags && t.code() != CodeImageTags })
}

// unbounded says whether a rule removes whatever its age and number.
func unbounded(r *rule) bool {
	return slices.ContainsFunc(r.remove, func(it *item) bool {
		return len(it.tests) == 1 && it.tests[0].code() == CodeEverything
	})
}

// idle finds a keep condition that none of the remove conditions can meet.
func (l *linter) idle(r *rule, keep *item) {
	var first *item
	var against test
	for _, remove := range r.remove {
		at := slices.IndexFunc(remove.tests, func(t test) bool { return apart(keep.tests[0], t) })
		if at < 0 {
			return
		}
		if first == nil {
			first, against = remove, remove.tests[at]
		}
	}
	if first != nil {
		l.warn("no-effect", keep.path, "%s on line %d keeps nothing that %s on line %d would remove", keep.tests[0], keep.line, against, first.line)
	}
}

// apart says whether what is kept and what is removed never meet.
func apart(keep, remove test) bool {
	switch k := keep.(type) {
	case *ageTest:
		r, ok := remove.(*ageTest)
		return ok && k.limit.length.Rough() <= r.limit.length.Rough()
	case *rankTest:
		r, ok := remove.(*rankTest)
		return ok && r.spec == k.spec && k.n <= r.n
	}
	return false
}

// pair finds a keep condition that takes away a part of what the remove
// condition beside it says, so that another number was meant.
func (l *linter) pair(keepItem, removeItem *item, keep, remove test) {
	switch k := keep.(type) {
	case *ageTest:
		if r, ok := remove.(*ageTest); ok && !apart(k, r) {
			l.warn("contradiction", removeItem.path, "%s on line %d removes nothing younger than what %s on line %d keeps; write the longer one", r, removeItem.line, k, keepItem.line)
		}
	case *rankTest:
		if r, ok := remove.(*rankTest); ok && r.spec == k.spec && !apart(k, r) {
			l.warn("contradiction", removeItem.path, "%s on line %d removes nothing of the newest %d that line %d keeps; write the larger number", r, removeItem.line, k.n, keepItem.line)
		}
	case *tagsTest:
		if r, ok := remove.(*tagsTest); ok && k.list.String() == r.list.String() {
			l.warn("contradiction", removeItem.path, "line %d removes %s and line %d keeps them: keep wins", removeItem.line, r.list, keepItem.line)
		}
	}
}

// reachable finds keep conditions that no claimed root can meet.
func (l *linter) reachable(r *rule, keep *item) {
	switch t := keep.tests[0].(type) {
	case *tagsTest:
		if r.tags.Empty() {
			l.warn("cannot-hold", keep.path, "%s on line %d is never true: the rule claims untagged roots only", t, keep.line)
			return
		}
		for _, p := range t.list.Include() {
			if name, literal := p.Literal(); literal && !r.tags.Match(name) {
				l.warn("cannot-hold", keep.path, "the tag %s on line %d is never claimed by this rule (%s)", name, keep.line, r.tags)
			}
		}
	case *versionTest:
		if r.tags.Empty() {
			l.warn("cannot-hold", keep.path, "%s on line %d is never true: the rule claims untagged roots only", t, keep.line)
		}
	}
}

// items looks at conditions one by one, also at nested ones.
func (l *linter) items(r *rule, items []*item) {
	for _, it := range items {
		l.item(it)
		for _, t := range it.tests {
			switch t := t.(type) {
			case *tagsTest:
				l.tagPatterns(it.path, t.list)
			case *imageTagsTest:
				for _, list := range []pattern.List{t.any, t.all, t.none} {
					l.tagPatterns(it.path, list)
				}
			case *ageTest:
				l.slip(it, t.String(), t.limit.length)
			case *pullTest:
				l.slip(it, t.String(), t.limit.length)
			case *groupTest:
				l.items(r, t.items)
			case *notTest:
				l.items(r, []*item{t.item})
			}
		}
	}
}

// item finds tests that cannot hold together.
func (l *linter) item(it *item) {
	var tags, none *tagsTest
	for _, t := range it.tests {
		switch t := t.(type) {
		case *tagsTest:
			tags = t
		case *notTest:
			if inner, ok := t.item.tests[0].(*tagsTest); ok && len(t.item.tests) == 1 {
				none = inner
			}
		}
	}
	if tags != nil && none != nil && len(tags.list.Include()) > 0 && !slices.ContainsFunc(tags.list.Include(), func(p pattern.Pattern) bool { return !covers(none.list, p, true) }) {
		l.warn("contradiction", it.path, "the condition on line %d is never true: it asks for %s and against %s", it.line, tags.list, none.list)
	}
}

// slip finds durations that were probably meant otherwise. From an hour on a
// person thinks of hours.
func (l *linter) slip(it *item, text string, d duration.Duration) {
	if minutes := d.Exact / time.Minute; d.Months == 0 && d.Exact < time.Hour && minutes > 0 {
		l.warn("short", it.path, "%s on line %d is %d minutes: m stands for minutes, mo for months", text, it.line, minutes)
	}
}
