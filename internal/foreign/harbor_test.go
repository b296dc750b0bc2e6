package foreign

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// harborMatch is enough of doublestar for the patterns below.
func harborMatch(pattern, name string) bool {
	if open := strings.Index(pattern, "{"); open >= 0 {
		end := strings.Index(pattern, "}")
		return slices.ContainsFunc(strings.Split(pattern[open+1:end], ","), func(part string) bool {
			return harborMatch(pattern[:open]+part+pattern[end+1:], name)
		})
	}
	if pattern == "**" || pattern == "" {
		return true
	}
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

func (r harborRule) selects(one *image) bool {
	s := r.Tags[0]
	untagged := s.Decoration == "matches"
	if s.Extras != "" {
		var extras map[string]bool
		if json.Unmarshal([]byte(s.Extras), &extras) == nil {
			untagged = extras["untagged"]
		}
	}
	excludes := s.Decoration == "excludes"
	if len(one.tags) == 0 {
		return untagged != excludes
	}
	return one.anyOf(func(tag string) bool { return harborMatch(s.Pattern, tag) != excludes })
}

func (r harborRule) governs(repository string) bool {
	_, name, _ := strings.Cut(repository, "/")
	s := r.Scopes["repository"][0]
	return harborMatch(s.Pattern, name) == (s.Decoration == "repoMatches")
}

// harborRemoves: the union of what rules retain stays, of repositories that a
// rule governs.
func harborRemoves(rules []harborRule, w *world) map[string]bool {
	var retained []*image
	governed := false
	for _, r := range rules {
		if r.Disabled || !r.governs(w.repository) {
			continue
		}
		governed = true
		var selected []*image
		for _, one := range w.images {
			if r.selects(one) {
				selected = append(selected, one)
			}
		}
		n := int(r.Params[r.Template])
		switch r.Template {
		case "always":
			retained = append(retained, selected...)
		case "latestPushedK":
			retained = append(retained, newest(selected, n, func(one *image) time.Time { return one.pushed })...)
		case "latestActiveK":
			retained = append(retained, newest(selected, n, func(one *image) time.Time {
				if one.pulled.After(one.pushed) {
					return one.pulled
				}
				return one.pushed
			})...)
		case "latestPulledN":
			retained = append(retained, newest(selected, n, func(one *image) time.Time { return one.pulled })...)
		default:
			for _, one := range selected {
				at := one.pushed
				if r.Template == "nDaysSinceLastPull" {
					at = one.pulled
				}
				if now.Sub(at) <= time.Duration(n)*day {
					retained = append(retained, one)
				}
			}
		}
	}
	var gone []*image
	for _, one := range w.images {
		if governed && !slices.Contains(retained, one) {
			gone = append(gone, one)
		}
	}
	return removedImages(gone...)
}

func genHarbor(t *rapid.T) []harborRule {
	scopes := [][2]string{{"repoMatches", "**"}}
	if rapid.IntRange(0, 3).Draw(t, "scopes") == 0 {
		scopes = [][2]string{{"repoMatches", "app"}, {"repoExcludes", "app"}, {"repoMatches", "{app,base}"}, {"repoMatches", "b*"}, {"repoMatches", "**"}}
	}
	var rules []harborRule
	for range rapid.IntRange(1, 4).Draw(t, "rules") {
		scope := rapid.SampledFrom(scopes).Draw(t, "scope")
		r := harborRule{
			Action: "retain", Disabled: rapid.IntRange(0, 5).Draw(t, "disabled") == 0,
			Template: rapid.SampledFrom([]string{"latestPushedK", "latestPushedK", "nDaysSinceLastPush", "nDaysSinceLastPull", "latestPulledN", "latestActiveK", "lastXDays", "always"}).Draw(t, "template"),
			Tags: []harborSelector{{
				Kind: "doublestar", Decoration: rapid.SampledFrom([]string{"matches", "matches", "excludes"}).Draw(t, "decoration"),
				Pattern: rapid.SampledFrom([]string{"**", "", "prod-*", "{dev,pr}-*", "v?.*", "x", "*-1"}).Draw(t, "pattern"),
				Extras:  rapid.SampledFrom([]string{"", `{"untagged":true}`, `{"untagged":false}`}).Draw(t, "extras"),
			}},
			Scopes: map[string][]harborSelector{"repository": {{Kind: "doublestar", Decoration: scope[0], Pattern: scope[1]}}},
		}
		r.Params = map[string]float64{r.Template: float64(rapid.SampledFrom([]int{0, 1, 2, 7, 30}).Draw(t, "n"))}
		rules = append(rules, r)
	}
	return rules
}

// genTagged gives tags of one artifact times of their own: Harbor takes the
// latest of them (GetCandidates of src/pkg/retention/dep/client.go).
func genTagged(t *rapid.T) *world {
	w := genWorld(t)
	for _, one := range w.images {
		if len(one.tags) == 0 || rapid.Bool().Draw(t, "pushed at once") {
			continue
		}
		one.tagged = map[string]time.Time{one.tags[0]: one.pushed}
		for _, tag := range one.tags[1:] {
			one.tagged[tag] = one.pushed.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "days before")) * day)
		}
	}
	return w
}

func TestHarborRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		rules, w := genHarbor(t), genTagged(t)
		c.subset(t, "harbor", marshal(harborPolicy{Algorithm: "or", Rules: rules}), w, harborRemoves(rules, w))
	})
	c.told(t, 0.1)
}

// The documentation's example: the ten most recently pushed, or those pushed in
// the last days, of everything.
func TestHarborExample(t *testing.T) {
	w := at("library/app", map[string]float64{"a": 1, "b": 2, "c": 6, "d": 9, "e": 10})
	const rules = `{"algorithm": "or", "rules": [
		{"action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 2}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
		 "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}},
		{"action": "retain", "template": "nDaysSinceLastPush", "params": {"nDaysSinceLastPush": 7}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
		 "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}}]}`
	expect(t, "harbor", rules, w, "d", "e")
}

// harbor#22026: a rule for one tag must not let another that names it lapse.
func TestHarborKeepsWhatAnotherRuleSelects(t *testing.T) {
	const rules = `{"rules": [
		{"action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 1}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
		 "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}},
		{"action": "retain", "template": "always", "params": {}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "{prod,uat}"}],
		 "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}}]}`
	expect(t, "harbor", rules, at("library/app", map[string]float64{"new": 1, "prod": 300, "uat": 300, "old": 2}), "old")
}

// An artifact is as young as the youngest of its tags in Harbor, whether or not
// the rule selects that one.
func TestHarborCountsFromTheLatestPushOfAnyTag(t *testing.T) {
	w := at("library/app", map[string]float64{"v1": 90, "v2": 60})
	w.images = append(w.images, &image{name: "promoted", tags: []string{"build-7", "prod"}, pushed: ago(1), created: ago(90), tagged: map[string]time.Time{"build-7": ago(90), "prod": ago(1)}})
	const rule = `{"action": "retain", "template": "%s", "params": {"%s": %d}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "%s"}],
		"scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}}`
	for _, c := range []struct {
		template, pattern string
		n                 int
		goes              []string
	}{
		{"nDaysSinceLastPush", "**", 7, []string{"v1", "v2"}},
		{"lastXDays", "**", 7, []string{"v1", "v2"}},
		{"latestPushedK", "**", 1, []string{"v1", "v2"}},
		{"latestPushedK", "{build-*,v*}", 1, []string{"v1"}}, // build-7 might be the newest; here v2 is, and both stay
		{"latestActiveK", "**", 1, nil},                      // nobody recorded a pull
	} {
		result := expect(t, "harbor", `{"rules": [`+fmt.Sprintf(rule, c.template, c.template, c.n, c.pattern)+`]}`, w, c.goes...)
		if !has(result.Notes, Wider, "") {
			t.Error(result.Notes)
		}
	}
}

// A rule that retains nothing gives everything away in Harbor. Nobody wants that
// of an import.
func TestHarborRetainingNothing(t *testing.T) {
	const rules = `{"rules": [{"action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 0}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
		"scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}}]}`
	result := expect(t, "harbor", rules, at("library/app", map[string]float64{"a": 1, "b": 2}))
	if !strings.Contains(string(result.Policy), "no rule for the repositories") {
		t.Errorf("%s", result.Policy)
	}
}
