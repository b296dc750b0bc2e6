package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/policy"
)

// deadPlaces are policies and rules that match nothing, so that what stands in
// them need not be told of too.
type deadPlaces map[string]bool

func (d deadPlaces) add(c policy.Counted, found policy.Count) {
	if (c.Kind == policy.CountPolicy || c.Kind == policy.CountRule) && found.Matched == 0 {
		d[c.Path] = true
	}
}

func (d deadPlaces) covers(c policy.Counted) bool {
	for path := range d {
		if strings.HasPrefix(c.Path, path+".") || c.Path == path {
			return true
		}
	}
	return false
}

func nothingCode(c policy.Counted) string {
	switch c.Kind {
	case policy.CountPolicy:
		return "governs-nothing"
	case policy.CountRule:
		return "claims-nothing"
	}
	return "matches-nothing"
}

// placeText names a place of a policy.
func placeText(c policy.Counted) string {
	switch {
	case c.Kind == policy.CountPolicy:
		return "the policy " + c.Text
	case c.Kind == policy.CountRule:
		return "the rule " + c.Text
	case c.Kind == policy.CountCondition:
		return "the " + c.Shields + " condition " + c.Text
	case c.Shields == "tags" || c.Shields == "remove":
		return "the excepted pattern " + c.Text
	}
	return "the " + c.Shields + " pattern " + c.Text
}

// idleText says of a place that it matches nothing.
func idleText(c policy.Counted, found policy.Count) string {
	what := fmt.Sprintf("%s on line %d ", placeText(c), c.Line)
	switch {
	case c.Kind == policy.CountPolicy && found.Taken:
		return what + "governs no repository: earlier policies govern all that it matches"
	case c.Kind == policy.CountPolicy:
		return what + "governs no repository"
	case c.Kind == policy.CountRule && found.Taken:
		return what + "claims nothing: earlier rules claim all that it matches"
	case c.Kind == policy.CountRule:
		return what + "claims nothing"
	case c.Kind == policy.CountCondition && c.Shields == "remove":
		return what + "excepts nothing: it is true of no image"
	case c.Kind == policy.CountCondition:
		return what + "keeps nothing: it is true of no image"
	case c.Shields == "tags" || c.Shields == "remove":
		return what + "matches no tag"
	}
	return what + "keeps nothing: it matches no tag"
}

func countText(n int, c policy.Counted) string {
	one, many := "root", "roots"
	if c.Kind == policy.CountPolicy {
		one, many = "repository", "repositories"
	}
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
