package policy

import (
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

func (l *linter) tagPatterns(scope string, list pattern.List) {
	l.patterns(scope, list)
	for _, p := range slices.Concat(list.Include(), list.Exclude()) {
		if !p.Expression() && slashed(strings.TrimPrefix(strings.TrimPrefix(p.String(), "!"), "**/")) {
			l.warn("cannot-match", scope, "the pattern %s matches no tag: tags have no slash", p)
		}
		if name, literal := p.Literal(); literal && !oci.ValidTag(name) && !strings.Contains(name, "/") && !anchoredGlob(p) {
			l.warn("cannot-match", scope, "the pattern %s matches no tag: it has characters that tags cannot have", p)
		}
	}
}

// slashed says whether a glob surely asks for a slash: outside of sets and
// alternatives.
func slashed(glob string) bool {
	const opens, closes = "[{", "]}"
	open, end := strings.IndexAny(glob, opens), strings.LastIndexAny(glob, closes)
	if open < 0 || end < open {
		return strings.Contains(glob, "/")
	}
	return strings.Contains(glob[:open], "/") || strings.Contains(glob[end:], "/")
}

// patterns finds patterns whose anchoring was probably meant otherwise.
func (l *linter) patterns(scope string, list pattern.List) {
	for _, p := range slices.Concat(list.Include(), list.Exclude()) {
		l.anchoring(scope, p)
	}
	l.twice(scope, list.Include())
	l.twice(scope, list.Exclude())
}

func (l *linter) anchoring(scope string, p pattern.Pattern) {
	if anchoredGlob(p) {
		l.warn("anchored", scope, "%s is a glob, in which ^ and $ are characters; write an expression between slashes", p)
	}
	if !p.Expression() {
		return
	}
	body := strings.TrimPrefix(p.String(), "!")
	const special = `.*+?()[]{}|\^$`
	body = strings.Trim(body, "/")
	switch {
	case !strings.ContainsAny(body, special):
		l.warn("anchored", scope, "%s matches %q alone, because expressions are anchored; for anything that holds it write /.*%s.*/", p, body, body)
	case strings.HasSuffix(body, "*") && !strings.ContainsAny(body[:len(body)-1], special):
		l.warn("anchored", scope, "%s repeats the letter before the star; for what begins so write the glob %s", p, body)
	}
}

// twice finds patterns of which one has all that the other has and more, on
// account of its stars alone: only one of them can have been meant.
func (l *linter) twice(scope string, patterns []pattern.Pattern) {
	for k, p := range patterns {
		core, open, loose := stars(p)
		for _, earlier := range patterns[:k] {
			other, before, behind := stars(earlier)
			within := open <= before && loose <= behind || before <= open && behind <= loose
			if other == core && core != "" && within && p.String() != earlier.String() {
				l.warn("anchored", scope, "%s and %s differ only in their anchoring", earlier, p)
				break
			}
		}
	}
}

// stars divides a pattern into what must be there and whether anything may
// stand before and behind it: 1 where it may, else 0.
func stars(p pattern.Pattern) (core string, before, behind int) {
	body, anything := strings.TrimPrefix(p.String(), "!"), "*"
	if p.Expression() {
		body, anything = strings.Trim(body, "/^$"), ".*"
	}
	core = body
	for strings.HasPrefix(core, anything) {
		core, before = core[len(anything):], 1
	}
	for strings.HasSuffix(core, anything) {
		core, behind = core[:len(core)-len(anything)], 1
	}
	return core, before, behind
}

// anchoredGlob says whether a glob is written as if it were an expression.
func anchoredGlob(p pattern.Pattern) bool {
	body := strings.TrimPrefix(p.String(), "!")
	return !p.Expression() && (strings.HasPrefix(body, "^") || strings.HasSuffix(body, "$"))
}
