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

// dockerExistence: images that were built before it are compared by upload.
var dockerExistence = time.Date(2013, 3, 20, 0, 0, 0, 0, time.UTC)

// reproducible gives some images the build time of 1980, and the others that of
// their upload: then the order of the cleaner is one.
func reproducible(t *rapid.T, w *world) {
	for _, one := range w.images {
		one.created = one.pushed
		if rapid.IntRange(0, 2).Draw(t, "1980") == 0 {
			one.created = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
}

// gcrRemoves follows the cleaner: newest first, what may go is counted.
func gcrRemoves(repositories []string, recursive bool, grace, keep int, matchAny, matchAll string, w *world) map[string]bool {
	var gone []*image
	if !slices.ContainsFunc(repositories, func(name string) bool {
		return name == w.repository || recursive && strings.HasPrefix(w.repository, name)
	}) {
		return nil
	}
	var can []*image
	for _, one := range w.images {
		matches := func(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }
		all := matchAll != "" && !one.anyOf(func(tag string) bool { return !matches(matchAll)(tag) })
		if !one.pushed.After(ago(float64(grace))) && (len(one.tags) == 0 || matchAny != "" && one.anyOf(matches(matchAny)) || all) {
			can = append(can, one)
		}
	}
	kept := newest(can, keep, func(one *image) time.Time {
		if one.created.Before(dockerExistence) {
			return one.pushed
		}
		return one.created
	})
	for _, one := range can {
		if !slices.Contains(kept, one) {
			gone = append(gone, one)
		}
	}
	return removedImages(gone...)
}

func TestGCRCleanerRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		w := genWorld(t)
		if rapid.Bool().Draw(t, "reproducible builds") {
			reproducible(t, w)
		}
		repositories := rapid.SampledFrom([][]string{{"team/app"}, {"team", "proj"}, {"team/app", "team/base", "other/tool"}}).Draw(t, "repositories")
		recursive := rapid.Bool().Draw(t, "recursive")
		grace := rapid.SampledFrom([]int{0, 0, 7, 30}).Draw(t, "grace")
		keep := rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "keep")
		filter := rapid.SampledFrom([]string{"", ".*", "^dev", "1$", "prod|x"}).Draw(t, "filter")
		quantity := rapid.SampledFrom([]string{"any", "all"}).Draw(t, "quantity")
		command := "gcr-cleaner-cli -token=secret"
		for _, name := range repositories {
			command += " -repo=gcr.io/" + name
		}
		if recursive {
			command += " -recursive"
		}
		if grace > 0 {
			command += fmt.Sprintf(" -grace %dh", grace*24)
		}
		if keep > 0 {
			command += fmt.Sprintf(" -keep=%d", keep)
		}
		matchAny, matchAll := "", ""
		if filter != "" {
			command += " -tag-filter-" + quantity + " '" + filter + "'"
			if quantity == "any" {
				matchAny = filter
			} else {
				matchAll = filter
			}
		}
		c.subset(t, "gcr-cleaner", []byte(command), w, gcrRemoves(repositories, recursive, grace, keep, matchAny, matchAll, w))
	})
	c.told(t, 0.2)
}

// gcr-cleaner#138 and others: the command deleted the newest images, because
// -keep counts only what may go.
func TestGCRCleanerExamples(t *testing.T) {
	w := at("my-project/app", map[string]float64{"alpha": 20, "beta": 40, "v1": 50, "alpha-2": 50})
	w.images = append(w.images, &image{name: "dangling", pushed: ago(10), created: ago(10)})
	expect(t, "gcr-cleaner", `gcr-cleaner-cli -repo gcr.io/my-project/app`, w, "dangling")
	expect(t, "gcr-cleaner", `gcr-cleaner-cli -repo gcr.io/my-project/app -grace 720h -tag-filter-any "^(alpha|beta).*$"`, w, "beta", "alpha-2")
	expect(t, "gcr-cleaner", `gcr-cleaner-cli -repo gcr.io/my-project -recursive -keep 2 -tag-filter-any "alpha"`, w, "alpha-2")
	result := expect(t, "gcr-cleaner", `gcr-cleaner-cli -repo gcr.io/my-project/app -grace 720h -keep 3`, w)
	if !has(result.Notes, Dropped, "-keep") {
		t.Error(result.Notes)
	}
}
