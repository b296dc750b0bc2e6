package pattern

import (
	"slices"
	"strings"
)

// List is patterns of which any may match, less those that exclude. A list of
// exclusions alone means everything else. The zero value matches nothing.
type List struct {
	include, exclude []Pattern
}

// NewList makes a List; the order of the patterns does not matter to Match.
func NewList(patterns []Pattern) List {
	var l List
	for _, p := range patterns {
		if p.exclude {
			l.exclude = append(l.exclude, p)
		} else {
			l.include = append(l.include, p)
		}
	}
	return l
}

// Match says whether a pattern matches the name and none excludes it.
func (l List) Match(name string) bool {
	for i := range l.exclude {
		if l.exclude[i].Match(name) {
			return false
		}
	}
	if len(l.include) == 0 {
		return len(l.exclude) > 0
	}
	for i := range l.include {
		if l.include[i].Match(name) {
			return true
		}
	}
	return false
}

// Capture gives a named group of the first pattern that matches the name and
// has the group.
func (l List) Capture(name, group string) (string, bool) {
	for i := range l.include {
		if value, found := l.include[i].Capture(name, group); found {
			return value, true
		}
	}
	return "", false
}

// Captures gives all named groups of the first expression that matches.
func (l List) Captures(name string) map[string]string {
	for i := range l.include {
		if groups := l.include[i].Captures(name); groups != nil {
			return groups
		}
	}
	return nil
}

// Include lists the patterns that do not exclude.
func (l List) Include() []Pattern { return l.include }

// Exclude lists the patterns that do.
func (l List) Exclude() []Pattern { return l.exclude }

// Empty says whether nothing was written.
func (l List) Empty() bool { return len(l.include)+len(l.exclude) == 0 }

// Names says whether a pattern is literally this name.
func (l List) Names(name string) bool {
	return slices.ContainsFunc(l.include, func(p Pattern) bool { return p.fixed && p.literal == name })
}

// String lists the patterns as in a policy file, inclusions first.
func (l List) String() string {
	texts := make([]string, 0, len(l.include)+len(l.exclude))
	for _, p := range slices.Concat(l.include, l.exclude) {
		texts = append(texts, p.text)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
