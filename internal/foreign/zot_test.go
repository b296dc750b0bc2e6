package foreign

import (
	"path"
	"regexp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zotMatch(pattern, name string) bool {
	if pattern == "**" || pattern == "team/**" && (name == "team" || len(name) > 5 && name[:5] == "team/") {
		return true
	}
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

// zotRemoves follows the documentation: first policy, first entry, any rule.
func zotRemoves(policies []zotPolicy, w *world) map[string]bool {
	type tagged struct {
		tag string
		of  *image
	}
	gone := map[string]bool{}
	i := slices.IndexFunc(policies, func(p zotPolicy) bool {
		return slices.ContainsFunc(p.Repositories, func(pattern string) bool { return zotMatch(pattern, w.repository) })
	})
	if i < 0 || len(policies[i].KeepTags) == 0 {
		return gone
	}
	entries := policies[i].KeepTags
	groups := make([][]tagged, len(entries))
	for _, one := range w.images {
		for _, tag := range one.tags {
			gone[tag] = true
			e := slices.IndexFunc(entries, func(k zotKeep) bool {
				return len(k.Patterns) == 0 || slices.ContainsFunc(k.Patterns, func(p string) bool { return regexp.MustCompile(p).MatchString(tag) })
			})
			if e >= 0 {
				groups[e] = append(groups[e], tagged{tag, one})
			}
		}
	}
	for e, k := range entries {
		keep := func(all []tagged) {
			for _, one := range all {
				delete(gone, one.tag)
			}
		}
		if k.Pushed == 0 && k.Pulled == 0 && k.PushedWithin == "" && k.PulledWithin == "" {
			keep(groups[e])
		}
		keep(newest(groups[e], k.Pushed, func(one tagged) time.Time { return one.of.pushed }))
		keep(newest(groups[e], k.Pulled, func(one tagged) time.Time { return one.of.pulled }))
		for _, one := range groups[e] {
			if d, err := time.ParseDuration(k.PushedWithin); err == nil && one.of.pushed.After(now.Add(-d)) {
				delete(gone, one.tag)
			}
			if d, err := time.ParseDuration(k.PulledWithin); err == nil && (one.of.pulled.After(now.Add(-d)) || one.of.pushed.After(now.Add(-d))) {
				delete(gone, one.tag)
			}
		}
	}
	return gone
}

func genZot(t *rapid.T) []zotPolicy {
	var policies []zotPolicy
	for range rapid.IntRange(1, 3).Draw(t, "policies") {
		p := zotPolicy{Repositories: rapid.SampledFrom([][]string{{"**"}, {"team/*"}, {"team/**"}, {"other/*", "proj/*"}}).Draw(t, "repositories")}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			p.KeepTags = append(p.KeepTags, zotKeep{
				Patterns:     rapid.SampledFrom([][]string{nil, {"v.*"}, {"prod", "^dev"}, {"-1$"}, {"^v2|pr"}, {".*"}}).Draw(t, "patterns"),
				Pushed:       rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "pushed"),
				Pulled:       rapid.SampledFrom([]int{0, 0, 0, 0, 2}).Draw(t, "pulled"),
				PushedWithin: rapid.SampledFrom([]string{"", "", "168h", "720h"}).Draw(t, "pushed within"),
				PulledWithin: rapid.SampledFrom([]string{"", "", "168h", "1h30s"}).Draw(t, "pulled within"),
			})
		}
		policies = append(policies, p)
	}
	return policies
}

func TestZotRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		policies, w := genZot(t), genWorld(t)
		c.subset(t, "zot", marshal(zotRetention{Policies: policies}), w, zotRemoves(policies, w))
	})
	c.told(t, 0.3)
}

func TestZotExample(t *testing.T) {
	const config = `{"distSpecVersion": "1.1.0", "storage": {"rootDirectory": "/tmp/zot", "gc": true, "retention": {"dryRun": false, "delay": "24h", "policies": [
		{"repositories": ["infra/*", "prod/*"], "deleteReferrers": false, "keepTags": [{"patterns": ["v2.*", ".*-prod"]}, {"patterns": ["v3.*", ".*-prod"], "pulledWithin": "168h"}]},
		{"repositories": ["tmp/**"], "deleteReferrers": true, "deleteUntagged": true, "keepTags": [{"patterns": ["v1.*"]}]}]}}}`
	expect(t, "zot", config, at("prod/app", map[string]float64{"v2.0": 400, "a-prod": 400, "v3.0": 1, "v3.1": 1, "test": 1}), "test")
	expect(t, "zot", config, at("tmp/a/b", map[string]float64{"v1.0": 400, "v2.0": 1}), "v2.0")
	expect(t, "zot", config, at("else/where", map[string]float64{"v1.0": 400, "v2.0": 1}))
}

// What was run against zot 2.1: "v.*" with the two newest, and "keep.*".
func TestZotTwoEntries(t *testing.T) {
	expect(t, "zot", `{"policies": [{"repositories": ["**"], "keepTags": [{"patterns": ["v.*"], "mostRecentlyPushedCount": 2}, {"patterns": ["keep.*"]}]}]}`,
		at("app", map[string]float64{"v1": 4, "v2": 3, "v3": 2, "v4": 1, "keep1": 9, "old1": 9}), "v1", "v2", "old1")
}
