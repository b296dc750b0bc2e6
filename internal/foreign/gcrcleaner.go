package foreign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// https://github.com/GoogleCloudPlatform/gcr-cleaner
var gcrFlags = []flag{
	{[]string{"repo"}, one}, {[]string{"recursive"}, none}, {[]string{"grace"}, one}, {[]string{"keep"}, one}, {[]string{"tag-filter-any"}, one},
	{[]string{"tag-filter-all"}, one}, {[]string{"tag-filter-exclude"}, none}, {[]string{"dry-run"}, none}, {[]string{"concurrency"}, one}, {[]string{"token"}, one},
}

// gcrCleaner: untagged manifests and those whose tags the filter matches go
// once they are old enough; of these, and of no others, the newest are kept.
func gcrCleaner(data []byte, d *draft) error {
	all, err := words(data)
	if err != nil {
		return err
	}
	values, err := flags(behind(all, "gcr-cleaner-cli", "gcr-cleaner"), gcrFlags)
	if err != nil {
		return err
	}
	grace, err := time.ParseDuration(last(values["grace"], "0"))
	if err != nil || grace < 0 {
		return errors.New("-grace is not a length of time")
	}
	length, err := span(grace)
	if err != nil {
		return fmt.Errorf("-grace: %w", err)
	}
	keep, err := strconv.Atoi(last(values["keep"], "0"))
	if err != nil || keep < 0 {
		return errors.New("-keep is not a number from 0")
	}
	if values["dry-run"] != nil {
		d.note(Wider, "-dry-run", "the command only shows what this policy removes, and regkeep removes it")
	}
	repositories, err := gcrRepositories(values)
	if err != nil {
		return err
	}
	tags, err := gcrTags(values, keep > 0, d)
	if err != nil {
		d.note(Dropped, "-tag-filter", "%s; what has a tag stays", err)
	}
	if keep > 0 && length != "" {
		d.note(Dropped, "-keep", "the command keeps the newest %d of those that are old enough, and keep counts among all: everything stays", keep)
		d.nearest = []string{fmt.Sprintf("remove: [{older_than: %s}], keep: [{newest: %d, by: created}]", length, keep)}
		return nil
	}
	d.policies = []governing{{repositories: repositories, rules: []rule{gcrRule(tags, length, keep)}}}
	if keep > 0 {
		d.note(Stricter, "-keep", "the newest by the time of the build and the newest by the upload both stay; what has no time of a build is held")
		d.note(Wider, "-keep", "two images of which one has no time of a build are compared by their upload, so where some have none the order of the command has no first and no last, and it may keep others")
	}
	d.note(Exact, "", "untagged manifests go")
	return nil
}

// gcrRule ranks what can go and nothing else where something is to be kept, for
// there only that counts; else it looks at the tags of whole images.
func gcrRule(tags gcrFilter, length string, keep int) rule {
	r := rule{untagged: true, ageFrom: "pushed"}
	if keep > 0 {
		if tags.pattern != "" {
			r.tags = []string{tags.pattern}
		}
		r.remove = []item{{"everything: true", ""}}
		r.keep = []item{{fmt.Sprintf("newest: %d, by: created", keep), "-keep"}, {fmt.Sprintf("newest: %d, by: pushed", keep), "-keep, where one of two images has no time of a build"}}
		return r
	}
	conditions := []item{{isUntagged, "untagged manifests"}}
	if tags.pattern != "" {
		r.tags = []string{"**"}
		conditions = append(conditions, item{"image_tags: {" + tags.quantity + ": " + list([]string{tags.pattern}) + "}", "-tag-filter-" + tags.quantity})
	}
	for _, condition := range conditions {
		if length != "" {
			condition.text = both(condition.text, "older_than: "+length)
		}
		r.remove = append(r.remove, condition)
	}
	return r
}

// gcrFilter is which tags an image needs so that it may go.
type gcrFilter struct{ quantity, pattern string }

func gcrTags(values map[string][]string, keeps bool, d *draft) (gcrFilter, error) {
	matchAny, matchAll := last(values["tag-filter-any"], ""), last(values["tag-filter-all"], "")
	f := gcrFilter{"any", matchAny}
	switch {
	case matchAny != "" && matchAll != "":
		return gcrFilter{}, errors.New("there are two filters")
	case matchAny == "" && matchAll == "":
		return gcrFilter{}, nil
	case values["tag-filter-exclude"] != nil:
		return gcrFilter{}, errors.New("-tag-filter-exclude turns the filter round")
	case matchAll != "":
		f = gcrFilter{"all", matchAll}
	}
	if err := portable(f.pattern); err != nil {
		return gcrFilter{}, err
	}
	f.pattern = within(f.pattern)
	switch {
	case keeps && f.quantity == "all":
		return gcrFilter{}, errors.New("-keep counts only images of which all tags match, and a rule of regkeep ranks every image with one")
	case keeps:
		d.note(Stricter, "-tag-filter-any", "the tags that do not match stay, and the image with them")
	default:
		d.note(Exact, "-tag-filter-"+f.quantity, "images go with all their tags")
	}
	return f, accepted(f.pattern)
}

func gcrRepositories(values map[string][]string) ([]string, error) {
	var repositories []string
	for _, names := range values["repo"] {
		for name := range strings.SplitSeq(names, ",") {
			name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(name), "https://"), "http://")
			_, path, found := strings.Cut(name, "/")
			path = strings.TrimSuffix(path, "/")
			switch {
			case name == "":
				continue
			case values["recursive"] == nil && (!found || path == ""):
				return nil, errors.New("-repo names no repository but a registry; that needs -recursive")
			case path == "":
				repositories = append(repositories, "**")
			case values["recursive"] != nil:
				// The command takes every name that begins like this, also
				// those that go on without a slash.
				repositories = append(repositories, literal(path)+"**")
			default:
				repositories = append(repositories, literal(path))
			}
		}
	}
	if len(repositories) == 0 {
		return nil, errors.New("-repo is missing")
	}
	return repositories, accepted(repositories...)
}
