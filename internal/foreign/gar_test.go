package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/oci"
)

func prefixed(prefixes []string, names ...string) bool {
	return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, p) })
	})
}

func (p garPolicy) matches(one *image, w *world) bool {
	parts := strings.SplitN(w.repository, "/", 3)
	name := parts[len(parts)-1]
	if len(parts) < 3 {
		name = ""
	}
	if p.Recent != nil {
		recent := newest(w.images, p.Recent.Count, func(one *image) time.Time { return one.pushed })
		return prefixed(p.Recent.Packages, name) && slices.Contains(recent, one)
	}
	length := func(text string) time.Duration {
		var n int
		var unit string
		_, _ = fmt.Sscanf(text, "%d%s", &n, &unit)
		return time.Duration(n) * map[string]time.Duration{"d": day, "s": time.Second}[unit]
	}
	c, age := p.Condition, now.Sub(one.pushed)
	return (c.State == "tagged" && len(one.tags) > 0 || c.State == "untagged" && len(one.tags) == 0 || c.State == "any" || c.State == "") &&
		prefixed(c.Tags, one.tags...) && prefixed(c.Packages, name) && prefixed(c.Versions, string(oci.FromBytes([]byte(one.name)))) &&
		(c.Older == "" || age > length(c.Older)) && (c.Newer == "" || age < length(c.Newer))
}

func garRemoves(policies []garPolicy, w *world) map[string]bool {
	var gone []*image
	for _, one := range w.images {
		does := func(action string) bool {
			return slices.ContainsFunc(policies, func(p garPolicy) bool { return p.Action.Type == action && p.matches(one, w) })
		}
		if does("Delete") && !does("Keep") {
			gone = append(gone, one)
		}
	}
	return removedImages(gone...)
}

func genGAR(t *rapid.T) []garPolicy {
	var policies []garPolicy
	packages := [][]string{nil, nil, nil, {"app"}, {"base", "ap"}}
	for range rapid.IntRange(1, 4).Draw(t, "policies") {
		p := garPolicy{Name: "p", Action: garAction{rapid.SampledFrom([]string{"Delete", "Delete", "Keep"}).Draw(t, "action")}}
		if p.Action.Type == "Keep" && rapid.Bool().Draw(t, "recent") {
			p.Recent = &garRecent{Count: rapid.IntRange(1, 4).Draw(t, "count"), Packages: rapid.SampledFrom(packages).Draw(t, "packages")}
		} else {
			p.Condition = &garCondition{
				State:    rapid.SampledFrom([]string{"", "any", "tagged", "untagged"}).Draw(t, "state"),
				Tags:     rapid.SampledFrom([][]string{nil, nil, {"prod"}, {"dev-", "v1"}}).Draw(t, "tags"),
				Versions: rapid.SampledFrom([][]string{nil, nil, nil, {"sha256:1", "sha256:a"}}).Draw(t, "versions"),
				Packages: rapid.SampledFrom(packages).Draw(t, "packages"),
				Older:    rapid.SampledFrom([]string{"", "", "7d", "2592000s"}).Draw(t, "older"),
				Newer:    rapid.SampledFrom([]string{"", "", "", "10d"}).Draw(t, "newer"),
			}
		}
		policies = append(policies, p)
	}
	return policies
}

func TestGARRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		policies, w := genGAR(t), genWorld(t)
		c.subset(t, "gar", marshal(policies), w, garRemoves(policies, w))
	})
	c.told(t, 0.2)
}

// The example file of the documentation.
func TestGARExample(t *testing.T) {
	const file = `[
		{"name": "delete-prerelease", "action": {"type": "Delete"}, "condition": {"tagState": "tagged", "tagPrefixes": ["alpha", "v0"], "olderThan": "2592000s"}},
		{"name": "keep-tagged-release", "action": {"type": "Keep"}, "condition": {"tagState": "tagged", "tagPrefixes": ["release"], "packageNamePrefixes": ["webapp", "mobile"]}},
		{"name": "keep-minimum-versions", "action": {"type": "Keep"}, "mostRecentVersions": {"packageNamePrefixes": ["webapp", "mobile", "sandbox"], "keepCount": 5}}]`
	w := at("project/repo/webapp", map[string]float64{"release1": 400, "a": 1, "b": 2, "c": 3, "d": 4, "alpha1": 31, "alpha2": 40, "v0.1": 29, "alpha3": 20})
	expect(t, "gar", file, w, "alpha1", "alpha2")
}
