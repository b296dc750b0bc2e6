package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var digits = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// naturally compares as the tool's natural_keys do: text and numbers in turn.
func naturally(a, b string) int {
	keys := func(s string) (all []string) {
		if s != "" && s[0] >= '0' && s[0] <= '9' {
			all = append(all, "")
		}
		return append(all, digits.FindAllString(s, -1)...)
	}
	x, y := keys(a), keys(b)
	for i := range min(len(x), len(y)) {
		m, notM := strconv.Atoi(x[i])
		n, notN := strconv.Atoi(y[i])
		c := strings.Compare(x[i], y[i])
		if notM == nil && notN == nil {
			c = m - n
		}
		if c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

type registryCall struct {
	mode              string
	num, hours, young int
	byDate            bool
	like, keepLike    []string
	keepTags, images  []string
}

func (r registryCall) command() string {
	words := []string{"./registry.py -l user:secret -r https://example.com:5000"}
	add := func(flag string, values []string) {
		if len(values) > 0 {
			words = append(words, flag+" '"+strings.Join(values, "' '")+"'")
		}
	}
	add("--tags-like", r.like)
	add("--keep-tags-like", r.keepLike)
	add("--keep-tags", r.keepTags)
	add("-i", r.images)
	if r.num != 10 {
		words = append(words, fmt.Sprintf("--num %d", r.num))
	}
	if r.young > 0 {
		words = append(words, fmt.Sprintf("--keep-by-hours %d", r.young))
	}
	if r.byDate {
		words = append(words, "--order-by-date")
	}
	if r.mode == "--delete-by-hours" {
		return strings.Join(append(words, fmt.Sprintf("--delete-by-hours %d", r.hours)), " ")
	}
	return strings.Join(append(words, r.mode), " ")
}

// registryRemoves follows the main loop of the tool. Deleting a tag deletes its
// manifest, so every tag on it goes too, but for those it was told to keep.
func (r registryCall) removes(w *world) map[string]bool {
	gone := map[string]bool{}
	if len(r.images) > 0 && !slices.Contains(r.images, w.repository) {
		return gone
	}
	of := map[string]*image{}
	var all, tags []string
	like := func(expressions []string, tag string) bool {
		return slices.ContainsFunc(expressions, func(e string) bool { return regexp.MustCompile(e).MatchString(tag) })
	}
	for _, one := range w.images {
		for _, tag := range one.tags {
			of[tag] = one
			all = append(all, tag)
			if len(r.like) == 0 || r.byDate || like(r.like, tag) { // it orders all tags then
				tags = append(tags, tag)
			}
		}
	}
	keep := slices.Clone(r.keepTags)
	for _, tag := range tags {
		if like(r.keepLike, tag) || r.young > 0 && !of[tag].created.Before(now.Add(-time.Duration(r.young)*time.Hour)) {
			keep = append(keep, tag)
		}
	}
	var remove []string
	switch r.mode {
	case "--delete-all":
		remove = tags
	case "--delete-by-hours":
		for _, tag := range all {
			if of[tag].created.Before(now.Add(-time.Duration(r.hours) * time.Hour)) {
				remove = append(remove, tag)
			}
		}
	default:
		slices.SortFunc(tags, func(a, b string) int {
			if r.byDate {
				return of[a].created.Compare(of[b].created)
			}
			return naturally(a, b)
		})
		n := max(0, len(tags)-r.num)
		if r.num == 0 {
			n = 0 // tags[:-0] is empty
		}
		remove, keep = tags[:n], append(keep, tags[n:]...)
	}
	for _, tag := range remove {
		if !slices.ContainsFunc(keep, func(kept string) bool { return kept == tag || of[kept] == of[tag] }) {
			gone[tag] = true
		}
	}
	return gone
}

func TestRegistryCLIRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		expressions := [][]string{nil, nil, {"dev"}, {"^v", "1$"}, {"prod|x"}}
		r, w := registryCall{
			mode:   rapid.SampledFrom([]string{"--delete", "--delete", "--delete-all", "--delete-by-hours"}).Draw(t, "mode"),
			num:    rapid.SampledFrom([]int{0, 1, 2, 3, 5, 10}).Draw(t, "num"),
			hours:  rapid.SampledFrom([]int{24, 168, 720}).Draw(t, "hours"),
			young:  rapid.SampledFrom([]int{0, 0, 48, 720}).Draw(t, "young"),
			byDate: rapid.Bool().Draw(t, "by date"),
			like:   rapid.SampledFrom(expressions).Draw(t, "like"), keepLike: rapid.SampledFrom(expressions).Draw(t, "keep like"),
			keepTags: rapid.SampledFrom([][]string{nil, {"x"}, {"prod-1", "dev-2"}}).Draw(t, "keep"),
			images:   rapid.SampledFrom([][]string{nil, nil, {"team/app", "other/tool"}}).Draw(t, "images"),
		}, genWorld(t)
		c.subset(t, "registry-cli", []byte(r.command()), w, r.removes(w))
	})
	c.told(t, 0.3)
}

// Examples of the tool's README.
func TestRegistryCLIExamples(t *testing.T) {
	w := at("ubuntu", map[string]float64{"stable": 90, "latest": 90, "14.04": 9, "14.10": 8, "15.04": 7, "15.10": 6, "snapshot-1": 5, "snapshot-2": 4, "snapshot-10": 3, "z": 1})
	expect(t, "registry-cli", `registry.py -l user:pass -r https://example.com:5000 --delete --num 2 --tags-like "snapshot-" -i ubuntu`, w, "snapshot-1")
	expect(t, "registry-cli", `registry.py -l user:pass -r https://example.com:5000 --delete-all --keep-tags "stable" "latest" --keep-by-hours 144`, w, "14.04", "14.10", "15.04")
	expect(t, "registry-cli", `registry.py -r https://example.com:5000 --delete-by-hours 180 --keep-tags-like stable`, w, "14.04", "14.10")
	expect(t, "registry-cli", `registry.py -r https://example.com:5000 --delete --num 0`, w)
	expect(t, "registry-cli", `registry.py -r https://example.com:5000`, w)
}

// The tag latest is protected also where the original names it, as every import
// says.
func TestRegistryCLISparesLatest(t *testing.T) {
	result, err := Import("registry-cli", []byte(`registry.py -r https://example.com:5000 --delete-all --tags-like ^latest$ ^old$`))
	if err != nil {
		t.Fatal(err)
	}
	got := removed(t, result.Policy, at("app", map[string]float64{"latest": 90, "old": 90, "x": 1}))
	if len(got) != 1 || !got["old"] {
		t.Errorf("%v go\n%s", got, result.Policy)
	}
}
