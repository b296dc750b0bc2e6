package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// https://learn.microsoft.com/azure/container-registry/container-registry-auto-purge
var acrFlags = []flag{
	{[]string{"filter", "f"}, one}, {[]string{"ago"}, one}, {[]string{"keep"}, one}, {[]string{"untagged"}, none},
	{[]string{"dry-run"}, none}, {[]string{"include-locked"}, none}, {[]string{"registry", "r"}, one}, {[]string{"concurrency"}, one},
	{[]string{"repository-page-size"}, one}, {[]string{"filter-timeout-seconds"}, one}, {[]string{"username", "u"}, one}, {[]string{"password", "p"}, one}, {[]string{"config", "c"}, one},
}

// acrColon finds what separates repository and tag; the colons of a group or a
// character class do not.
var acrColon = regexp.MustCompile(`\(\?[imsU-]*:|\[:|:\]|:`)

// acr: of the tags that match and are old enough the newest are kept, the
// others lose their names; untagged manifests go by their age alone.
func acr(data []byte, d *draft) error {
	all, err := words(data)
	if err != nil {
		return err
	}
	values, err := flags(behind(all, "purge"), acrFlags)
	if err != nil {
		return err
	}
	length, err := acrAgo(last(values["ago"], ""))
	if err != nil {
		return err
	}
	keep, err := strconv.Atoi(last(values["keep"], "0"))
	if err != nil || keep < 0 {
		return fmt.Errorf("--keep is not a number from 0")
	}
	if values["dry-run"] != nil {
		d.note(Wider, "--dry-run", "the command only shows what this policy removes, and regkeep removes it")
	}
	if values["include-locked"] == nil {
		d.note(Wider, "--include-locked", "without it the command skips what is locked; regkeep may plan to remove it, and the registry refuses")
	} else {
		d.note(Stricter, "--include-locked", "regkeep unlocks nothing: what is locked stays")
	}
	_, untagged := values["untagged"]
	if !untagged {
		d.note(Wider, "--untagged", "without it the command leaves the manifests of removed tags, to be pulled by digest; regkeep deletes a manifest with its last tag")
	}
	var order []string
	filters := map[string][]string{}
	for _, filter := range values["filter"] {
		repository, tag, err := acrFilter(filter)
		if err != nil {
			d.note(Dropped, "--filter", "%s; what it matches stays", err)
			continue
		}
		if !slices.Contains(order, repository) {
			order = append(order, repository)
		}
		filters[repository] = append(filters[repository], tag)
	}
	if len(values["filter"]) == 0 {
		return fmt.Errorf("--filter is missing")
	}
	if len(order) > 1 {
		d.note(Stricter, "--filter", "where the expressions of several filters match one repository, only those of the first apply")
	}
	for _, repository := range order {
		r := acrTags(filters[repository], length, keep)
		g := governing{repositories: []string{repository}}
		if len(r.remove) > 0 {
			g.rules = append(g.rules, r)
		}
		if untagged {
			r := rule{comment: "--untagged", untagged: true, ageFrom: "pushed", remove: []item{{acrOld(length, isUntagged), ""}}}
			g.rules = append(g.rules, r)
		}
		d.policies = append(d.policies, g)
	}
	switch {
	case keep > 0 && length != "":
		d.note(Dropped, "--keep", "the command keeps the newest %d of those that are old enough, and keep counts among all that match: no tag is removed", keep)
		d.nearest = append(d.nearest, fmt.Sprintf("remove: [{older_than: %s}], keep: [{newest: %d, by: pushed, count: tags}]", length, keep))
	default:
		d.note(Exact, "--filter", "tags of which a part matches, by the time of their last push")
	}
	return nil
}

func acrOld(length, otherwise string) string {
	if length == "" {
		return otherwise
	}
	return "older_than: " + length
}

func acrTags(tags []string, length string, keep int) rule {
	r := rule{comment: "--filter", tags: tags, ageFrom: "pushed"}
	switch {
	case keep > 0 && length != "":
	case keep > 0:
		r.remove = []item{{"everything: true", ""}}
		r.keep = []item{{fmt.Sprintf("newest: %d, by: pushed, count: tags", keep), "--keep"}}
	default:
		r.remove = []item{{acrOld(length, "tags: "+list(tags)), "--ago"}}
	}
	return r
}

// acrFilter divides repository:expression. Both are expressions of .NET.
func acrFilter(filter string) (repository, tag string, err error) {
	var colons []int
	for _, at := range acrColon.FindAllStringIndex(filter, -1) {
		if at[1]-at[0] == 1 {
			colons = append(colons, at[0])
		}
	}
	if len(colons) != 1 {
		return "", "", fmt.Errorf("the filter %q is not divided by one colon", filter)
	}
	repository, tag = filter[:colons[0]], filter[colons[0]+1:]
	for _, expression := range []string{repository, tag} {
		if err := portable(expression); err != nil {
			return "", "", err
		}
	}
	repository = whole(strings.TrimSuffix(strings.TrimPrefix(repository, "^"), "$"))
	if plain := strings.Trim(repository, "/"); regexp.QuoteMeta(plain) == plain && !strings.Contains(plain, "**") {
		repository = plain
	}
	tag = within(tag)
	return repository, tag, accepted(repository, tag)
}

// acrAgo reads 30d, 2d3h6m or a Go duration; "" is no time at all.
func acrAgo(text string) (string, error) {
	rest := text
	var d time.Duration
	if number, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 36500 {
			return "", fmt.Errorf("--ago %q is not understood", text)
		}
		d, rest = time.Duration(n)*day, after
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return "", fmt.Errorf("--ago %q is not understood", text)
		}
		d += more
	}
	if text == "" {
		return "", fmt.Errorf("--ago is missing")
	}
	return span(d)
}
