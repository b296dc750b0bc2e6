package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// acrRemoves: --keep is the "number of latest to-be-deleted tags to keep".
func acrRemoves(filters []string, days, keep int, untagged bool, w *world) map[string]bool {
	type tagged struct {
		tag string
		of  *image
	}
	gone := map[string]bool{}
	var due []tagged
	governed := false
	for _, one := range w.images {
		for _, tag := range one.tags {
			if slices.ContainsFunc(filters, func(filter string) bool {
				repository, expression, _ := strings.Cut(filter, ":")
				return regexp.MustCompile("^(?:"+repository+")$").MatchString(w.repository) && regexp.MustCompile(expression).MatchString(tag)
			}) && one.pushed.Before(ago(float64(days))) {
				due = append(due, tagged{tag, one})
			}
		}
	}
	for _, filter := range filters {
		repository, _, _ := strings.Cut(filter, ":")
		governed = governed || regexp.MustCompile("^(?:"+repository+")$").MatchString(w.repository)
	}
	kept := newest(due, keep, func(one tagged) time.Time { return one.of.pushed })
	for _, one := range due {
		if !slices.Contains(kept, one) {
			gone[one.tag] = true
		}
	}
	for _, one := range w.images {
		if untagged && governed && len(one.tags) == 0 && one.pushed.Before(ago(float64(days))) {
			gone[one.name] = true
		}
	}
	return gone
}

func TestACRRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		w := genWorld(t)
		days := rapid.SampledFrom([]int{0, 0, 7, 30}).Draw(t, "days")
		keep := rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "keep")
		untagged := rapid.Bool().Draw(t, "untagged")
		var filters []string
		command := "acr purge -r example --ago " + fmt.Sprintf("%dd", days)
		for range rapid.IntRange(1, 3).Draw(t, "filters") {
			filter := rapid.SampledFrom([]string{"team/app", "team/.*", ".*", "proj/repo/app", "app"}).Draw(t, "repository") + ":" +
				rapid.SampledFrom([]string{".*", "^dev", "1$", "prod|x", "^v.*0$", `\w*-1\w*`}).Draw(t, "tag")
			filters = append(filters, filter)
			command += " \\\n  --filter '" + filter + "'"
		}
		if keep > 0 {
			command += fmt.Sprintf(" --keep=%d", keep)
		}
		if untagged {
			command += " --untagged"
		}
		c.subset(t, "acr", []byte(command), w, acrRemoves(filters, days, keep, untagged, w))
	})
	c.told(t, 0.2)
}

// The examples of the command's own help.
func TestACRExamples(t *testing.T) {
	w := at("hello-world", map[string]float64{"hello1": 8, "hello2": 9, "hello3": 6, "a-test-b": 6, "other": 2})
	expect(t, "acr", `acr purge -r example --filter "hello-world:.*" --ago 1d`, w, "hello1", "hello2", "hello3", "a-test-b") // the last one stays
	expect(t, "acr", `acr purge -r example --filter "hello-world:^hello.*" --ago 7d`, w, "hello1", "hello2")
	expect(t, "acr", `acr purge -r example --filter "hello-world:\w*test\w*" --ago 5d --untagged`, w, "a-test-b")
	expect(t, "acr", `acr purge -r example --filter ".*:.*" --ago 7d --include-locked`, w, "hello1", "hello2")
	result := expect(t, "acr", `acr purge -r example --filter "hello-world:^hello.*" --ago 7d --keep 2`, w)
	if !has(result.Notes, Dropped, "--keep") {
		t.Error(result.Notes)
	}
	expect(t, "acr", `acr purge --filter "hello-world:^hello.*" --ago 0d --keep 2`, w, "hello2")
}

func TestCommandsThatAreNotUnderstood(t *testing.T) {
	for _, bad := range []string{
		"", "acr purge", "acr purge --filter a:b", "acr purge --ago 1d", "acr purge --filter a:b --ago nonsense", "acr purge --filter a:b --ago 1d --keep x",
		"acr purge --filter $FILTER --ago 1d", "acr purge --filter a:b --ago 1d; rm -rf x", "acr purge --filter 'a:b", "acr purge --filter a:b --ago 1d\nacr purge --filter c:d --ago 1d",
		"acr purge --filter a:b --ago 1d --what", "acr purge --filter a:b --ago",
	} {
		if _, err := Import("acr", []byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	result, err := Import("acr", []byte("# nightly\nacr purge --filter a:b --ago 1d -u me -p hunter2 --registry x"))
	if err != nil || strings.Contains(string(result.Policy)+fmt.Sprint(result.Notes), "hunter2") {
		t.Errorf("%v\n%s", err, result.Policy)
	}
	if _, err := Import("acr", []byte("acr purge --filter a:b -p hunter2 x --ago 1d")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}
