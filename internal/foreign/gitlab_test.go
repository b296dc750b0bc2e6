package foreign

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// gitlabRemoves follows the steps of the documentation. The expressions stand
// between \A and \z without brackets, as GitLab writes them.
func gitlabRemoves(p gitlabPolicy, w *world, at func(*image) time.Time) map[string]bool {
	type tagged struct {
		tag string
		of  *image
	}
	gone := map[string]bool{}
	expression := p.Regex
	if p.RegexDelete != nil {
		expression = *p.RegexDelete
	}
	if !p.Enabled {
		return gone
	}
	remove, keep := regexp.MustCompile(`\A`+expression+`\z`), regexp.MustCompile(`\A`+p.RegexKeep+`\z`)
	var left []tagged
	for _, one := range w.images {
		for _, tag := range one.tags {
			if tag != "latest" && remove.MatchString(tag) && !keep.MatchString(tag) {
				left = append(left, tagged{tag, one})
			}
		}
	}
	if p.KeepN != nil {
		first := map[string]bool{}
		for _, one := range newest(left, *p.KeepN, func(one tagged) time.Time { return at(one.of) }) {
			first[one.tag] = true
		}
		var rest []tagged
		for _, one := range left {
			if !first[one.tag] {
				rest = append(rest, one)
			}
		}
		left = rest
	}
	limit := now
	if days, found := strings.CutSuffix(p.OlderThan, "d"); found {
		n, _ := strconv.Atoi(days)
		limit = ago(float64(n))
	}
	for _, one := range left {
		if at(one.of).Before(limit) {
			gone[one.tag] = true
		}
	}
	return gone
}

func TestGitLabRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		p, w := gitlabPolicy{Enabled: rapid.IntRange(0, 9).Draw(t, "enabled") > 0}, genWorld(t)
		expressions := []string{".*", "dev-.+", "prod|dev-.*", "(?:v.+|main)", ".*-1", "prod-.*", "v|x|1"}
		p.Regex = rapid.SampledFrom(expressions).Draw(t, "delete")
		if rapid.Bool().Draw(t, "new name") {
			expression := rapid.SampledFrom(append(expressions, "")).Draw(t, "delete by its new name")
			p.RegexDelete = &expression
		}
		p.RegexKeep = rapid.SampledFrom(append(expressions[1:], "", "")).Draw(t, "keep")
		p.OlderThan = rapid.SampledFrom([]string{"", "7d", "14d", "30d", "90d"}).Draw(t, "older than")
		if rapid.Bool().Draw(t, "keeps") {
			n := rapid.SampledFrom([]int{0, 1, 5, 10}).Draw(t, "n")
			p.KeepN = &n
		}
		by := func(one *image) time.Time { return one.created }
		if rapid.Bool().Draw(t, "metadata database") {
			by = func(one *image) time.Time { return one.pushed }
		}
		c.subset(t, "gitlab", marshal(p), w, gitlabRemoves(p, w, by))
	})
	c.told(t, 0.2)
}

func TestGitLabExample(t *testing.T) {
	w := at("group/app", map[string]float64{"latest": 400, "master": 400, "v1.2": 400, "release-3": 400, "feature-1": 400, "feature-2": 91, "feature-3": 10})
	// The expressions are those of the documentation.
	expect(t, "gitlab", `{"container_expiration_policy_attributes": {"cadence": "1month", "enabled": true, "keep_n": 1, "older_than": "14d",
		"name_regex": ".*", "name_regex_keep": "(?:v.+|master|release-.*)"}}`, w, "feature-1", "feature-2")
	expect(t, "gitlab", `{"enabled": false, "keep_n": 1, "name_regex_delete": ".*"}`, w)
	expect(t, "gitlab", `{"enabled": true, "keep_n": 1}`, w)
}

// gitlab#377417 and others: an expression that GitLab's engine and this one
// read alike or not at all.
func TestGitLabExpressionsThatCannotBeSaid(t *testing.T) {
	result := expect(t, "gitlab", `{"enabled": true, "name_regex_delete": "(?!prod).*", "older_than": "7d"}`, at("a/b", map[string]float64{"x": 100, "y": 90}))
	if !has(result.Notes, Dropped, "") {
		t.Error(result.Notes)
	}
}
