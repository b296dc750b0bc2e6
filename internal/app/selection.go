package app

import (
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// selection is one registry and the repositories of it that are meant.
type selection struct {
	target Target // without pattern
	all    bool
	exact  []string
	match  pattern.List
}

// selections groups targets by registry, in the order of their names, so that
// the order in which they were written changes nothing.
func selections(targets []Target) ([]selection, error) {
	byName := map[string]*selection{}
	patterns := map[string][]pattern.Pattern{}
	var names []string
	for _, t := range targets {
		s := byName[t.Name]
		if s == nil {
			s = &selection{target: Target{Name: t.Name, Configured: t.Configured}}
			byName[t.Name] = s
			names = append(names, t.Name)
		}
		switch {
		case t.Pattern == "":
			s.all = true
		case t.Exact():
			s.exact = append(s.exact, t.Pattern)
		}
		if t.Pattern != "" {
			parsed, err := pattern.Parse(t.Pattern)
			if err != nil {
				return nil, misuse("target %s/%s: %w", t.Name, t.Pattern, err)
			}
			patterns[t.Name] = append(patterns[t.Name], parsed)
		}
	}
	slices.SortFunc(names, strings.Compare)
	var all []selection
	for _, name := range names {
		s := *byName[name]
		s.match = pattern.NewList(patterns[name])
		if len(s.exact) < len(patterns[name]) {
			s.exact = nil // the catalog is needed, and matches these too
		}
		all = append(all, s)
	}
	return all, nil
}

// matches says whether a repository of the catalog is meant; nil means all.
func (s selection) matches() func(string) bool {
	if s.all {
		return nil
	}
	return s.match.Match
}

// repositories are those that need no catalog; nil where it is needed.
func (s selection) repositories() []string {
	if s.all {
		return nil
	}
	return s.exact
}
