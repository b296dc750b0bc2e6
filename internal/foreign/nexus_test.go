package foreign

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// nexusRemoves: every criterion of a policy, over the components of the image.
// What retain counts among is not documented; both readings are drawn.
func nexusRemoves(policies []nexusPolicy, w *world, amongMatching bool) map[string]bool {
	type tagged struct {
		tag string
		of  *image
	}
	repository, name, _ := strings.Cut(w.repository, "/")
	gone := map[string]bool{}
	for _, p := range policies {
		if p.Format != "docker" || len(p.Repositories) > 0 && !slices.Contains(p.Repositories, repository) {
			continue
		}
		var all, matching []tagged
		for _, one := range w.images {
			for _, tag := range one.tags {
				all = append(all, tagged{tag, one})
				used := one.pulled
				if used.IsZero() {
					used = one.pushed
				}
				if (p.Updated == nil || now.Sub(one.pushed) > time.Duration(*p.Updated)*day) &&
					(p.Downloaded == nil || now.Sub(used) > time.Duration(*p.Downloaded)*day) &&
					(p.Regex == nil || regexp.MustCompile("^(?:"+*p.Regex+")$").MatchString("/v2/"+name+"/manifests/"+tag)) {
					matching = append(matching, tagged{tag, one})
				}
			}
		}
		retained := map[string]bool{}
		if p.Retain != nil {
			among := all
			if amongMatching {
				among = matching
			}
			for _, one := range newest(among, *p.Retain, func(one tagged) time.Time { return one.of.pushed }) {
				retained[one.tag] = true
			}
		}
		for _, one := range matching {
			if !retained[one.tag] {
				gone[one.tag] = true
			}
		}
	}
	return gone
}

func genNexus(t *rapid.T) []nexusPolicy {
	number := func(label string, values ...int) *int {
		if n := rapid.SampledFrom(values).Draw(t, label); n > 0 {
			return &n
		}
		return nil
	}
	var policies []nexusPolicy
	for range rapid.IntRange(1, 3).Draw(t, "policies") {
		p := nexusPolicy{
			Name: "p", Format: rapid.SampledFrom([]string{"docker", "docker", "docker", "maven2"}).Draw(t, "format"),
			Updated: number("updated", 0, 0, 7, 30), Downloaded: number("downloaded", 0, 0, 10, 90), Retain: number("retain", 0, 0, 0, 2),
			Repositories: rapid.SampledFrom([][]string{nil, nil, {"team"}, {"other", "proj"}}).Draw(t, "repositories"),
		}
		if p.Retain != nil {
			sort := "date"
			p.SortBy = &sort
		}
		if regex := rapid.SampledFrom([]string{
			"", "", "", "dev", ".*-1", ".*dev.*", ".*(dev|pr).*", "(.*)-1$", ".*-1|x", "/v2/.*/manifests/dev-.*", "^/v2/app/manifests/.*", "/manifests/v", ".*base/manifests/(v|x).*",
			".*/manifests/pr-[0-9]$", "app/manifests/dev.*", ".*app/manifests/dev.*", "^/v2.*", "^v", ".*/manifests/1$", "(.*)/manifests/(.*)1", "/v2/a.*/manifests/.*1", "/v2/(?:app|base)/manifests/.*",
		}).Draw(t, "regex"); regex != "" {
			p.Regex = &regex
		}
		if p.Updated == nil && p.Downloaded == nil && p.Regex == nil && p.Retain == nil {
			p.Updated = new(int)
			*p.Updated = 3
		}
		policies = append(policies, p)
	}
	return policies
}

func TestNexusRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		policies, w := genNexus(t), genWorld(t)
		c.subset(t, "nexus", marshal(policies), w, nexusRemoves(policies, w, rapid.Bool().Draw(t, "reading")))
	})
	c.told(t, 0.2)
}

func TestNexusExamples(t *testing.T) {
	w := at("docker-hosted/app", map[string]float64{"1.0": 100, "2.0": 10, "3.0-SNAPSHOT": 1, "3.1-SNAPSHOT": 100})
	expect(t, "nexus", `{"name": "old", "format": "docker", "notes": "", "criteriaLastBlobUpdated": 60, "repositories": ["docker-hosted"]}`, w, "1.0", "3.1-SNAPSHOT")
	expect(t, "nexus", `[{"name": "snapshots", "format": "docker", "criteriaAssetRegex": ".*-SNAPSHOT.*"}]`, w, "3.0-SNAPSHOT", "3.1-SNAPSHOT")
	expect(t, "nexus", `[{"name": "one image", "format": "docker", "criteriaLastBlobUpdated": 60, "criteriaAssetRegex": "^/v2/app/manifests/[0-9].*"}]`, w, "1.0", "3.1-SNAPSHOT")
	expect(t, "nexus", `[{"name": "another", "format": "docker", "criteriaAssetRegex": "^/v2/other/manifests/.*"}]`, w)
	expect(t, "nexus", `[{"name": "all", "format": "docker", "criteriaLastBlobUpdated": 60}, {"name": "here", "format": "docker", "criteriaLastBlobUpdated": 5, "repositories": ["docker-hosted"]}]`,
		w, "1.0", "2.0", "3.1-SNAPSHOT")
	// The whole path has to match, so these match none.
	for _, expression := range []string{"SNAPSHOT", "3.1-SNAPSHOT", "manifests/.*", "/manifests/.*", "v2/app/manifests/.*", "/v2/app/manifests/", "app/manifests/1.*"} {
		result := expect(t, "nexus", `[{"name": "part", "format": "docker", "criteriaAssetRegex": "`+expression+`"}]`, w)
		if !has(result.Notes, Dropped, "[0]") {
			t.Error(expression, result.Notes)
		}
	}
	expect(t, "nexus", `[{"name": "captured", "format": "docker", "criteriaAssetRegex": "(.*)-SNAPSHOT"}]`, w, "3.0-SNAPSHOT", "3.1-SNAPSHOT")
	expect(t, "nexus", `[{"name": "anywhere", "format": "docker", "criteriaAssetRegex": ".*/manifests/.*[.]1-.*"}]`, w, "3.1-SNAPSHOT")
	expect(t, "nexus", `[{"name": "ends", "format": "docker", "criteriaAssetRegex": ".*app/manifests/[0-9][.]0$"}]`, w, "1.0", "2.0")
	// The only way to spare latest in Nexus cannot be said in RE2.
	result := expect(t, "nexus", `[{"name": "lookahead", "format": "docker", "criteriaAssetRegex": "^/v2/.*/manifests/(?!latest).*"}]`, w)
	if !has(result.Notes, Dropped, "[0]") {
		t.Error(result.Notes)
	}
	result = expect(t, "nexus", `[{"name": "retain", "format": "docker", "criteriaLastBlobUpdated": 5, "retain": 1, "sortBy": "date"}]`, w)
	if !has(result.Notes, Dropped, "[0]") || !strings.Contains(string(result.Policy), "#   [0] remove:") {
		t.Errorf("%v\n%s", result.Notes, result.Policy)
	}
}
