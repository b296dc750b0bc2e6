package foreign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// https://github.com/andrey-pohilko/registry-cli
var registryFlags = []flag{
	{[]string{"delete", "d"}, none}, {[]string{"num", "n"}, one}, {[]string{"delete-all"}, none}, {[]string{"delete-by-hours"}, one},
	{[]string{"keep-by-hours"}, one}, {[]string{"keep-tags"}, many}, {[]string{"keep-tags-like"}, many}, {[]string{"tags-like"}, many},
	{[]string{"image", "i"}, many}, {[]string{"images-like"}, many}, {[]string{"order-by-date"}, none}, {[]string{"dry-run"}, none},
	{[]string{"login", "l"}, one}, {[]string{"read-password", "w"}, none}, {[]string{"host", "r"}, one}, {[]string{"layers"}, none}, {[]string{"debug"}, none},
	{[]string{"plain"}, none}, {[]string{"no-validate-ssl"}, none}, {[]string{"digest-method"}, one}, {[]string{"auth-method"}, one},
}

// registryCLI: the last N tags by name or by build stay, those that share a
// manifest with them too, and of the others all that nothing names.
func registryCLI(data []byte, d *draft) error {
	all, err := words(data)
	if err != nil {
		return err
	}
	values, err := flags(behind(all, "registry.py", "registry"), registryFlags)
	if err != nil {
		return err
	}
	if values["dry-run"] != nil {
		d.note(Wider, "--dry-run", "the command only shows what this policy removes, and regkeep removes it")
	}
	d.note(Wider, "", "the command asks for Docker manifests alone: of images in the OCI format and of multi-platform images it finds no age, and often not the tag")
	g := governing{}
	if g.repositories, err = registryImages(values, d); err != nil {
		return err
	}
	keep, err := registryKeeps(values)
	if err != nil {
		d.note(Dropped, "", "%s; everything stays", err)
		return nil
	}
	r := rule{tags: []string{"**"}, ageFrom: "created", keep: keep}
	modes := 0
	for _, mode := range []string{"delete", "delete-all", "delete-by-hours"} {
		if values[mode] != nil {
			modes++
		}
	}
	switch {
	case modes == 0:
		d.note(Exact, "", "without --delete the command removes nothing")
		return nil
	case modes > 1:
		d.note(Dropped, "", "several ways to delete at once; everything stays")
		return nil
	case values["delete-by-hours"] != nil:
		length, err := registryHours(values, "delete-by-hours")
		if err != nil {
			return err
		}
		r.remove = []item{{"older_than: " + length, "--delete-by-hours"}}
		d.note(Exact, "--delete-by-hours", "it goes by the time of the build, whatever --num and --tags-like say")
		d.policies = []governing{{repositories: g.repositories, rules: []rule{r}}}
		return nil
	}
	if expressions := values["tags-like"]; expressions != nil {
		if values["order-by-date"] != nil {
			d.note(Stricter, "--tags-like", "the command does not look at it with --order-by-date, and deletes from all tags")
		}
		if r.tags, err = registryLike(expressions); err != nil {
			d.note(Dropped, "--tags-like", "%s; everything stays", err)
			return nil
		}
	}
	r.remove = []item{{"tags: " + list(r.tags), "all that the command considers"}}
	if values["delete-all"] != nil {
		d.note(Exact, "--delete-all", "all tags go but those to keep")
	} else {
		last, err := registryLast(values)
		if err != nil {
			return err
		}
		if last == "" {
			d.note(Exact, "--num", "with 0 the command removes nothing")
			return nil
		}
		r.keep = append([]item{{last, "--num; tags of one manifest use one place and stay together"}}, r.keep...)
		d.note(Stricter, "--num", "the command counts tags, and here tags of one manifest use one place")
	}
	g.rules = []rule{r}
	d.policies = []governing{g}
	return nil
}

func registryLast(values map[string][]string) (string, error) {
	n, err := strconv.Atoi(last(values["num"], "10"))
	switch {
	case err != nil || n < 0:
		return "", errors.New("--num is not a number from 0")
	case n == 0:
		return "", nil
	case values["order-by-date"] != nil:
		return fmt.Sprintf("newest: %d, by: created", n), nil
	}
	return fmt.Sprintf("newest: %d, by: name", n), nil
}

func registryImages(values map[string][]string, d *draft) ([]string, error) {
	if images := values["image"]; images != nil {
		var names []string
		for _, name := range images {
			if strings.Contains(name, ":") {
				d.note(Exact, "--image", "the command looks for the tags of a repository of the name %s, and there is none with a colon", name)
			}
			names = append(names, literal(name))
		}
		if len(names) == 0 {
			return nil, errors.New("--image names nothing")
		}
		return names, accepted(names...)
	}
	if expressions := values["images-like"]; expressions != nil {
		names, err := registryLike(expressions)
		if err != nil {
			return nil, fmt.Errorf("--images-like: %w", err)
		}
		return names, nil
	}
	d.note(Exact, "", "all repositories")
	return []string{"**"}, nil
}

// registryLike reads expressions that are looked for anywhere in a name.
func registryLike(expressions []string) ([]string, error) {
	var patterns []string
	for _, expression := range expressions {
		if err := portable(expression); err != nil {
			return nil, err
		}
		patterns = append(patterns, within(expression))
	}
	if len(patterns) == 0 {
		return nil, errors.New("no expression is given")
	}
	return patterns, accepted(patterns...)
}

func registryKeeps(values map[string][]string) ([]item, error) {
	var keep []item
	if tags := values["keep-tags"]; len(tags) > 0 {
		var globs []string
		for _, tag := range tags {
			globs = append(globs, literal(tag))
		}
		if err := accepted(globs...); err != nil {
			return nil, err
		}
		keep = append(keep, item{anyTag(globs...), "--keep-tags"})
	}
	if expressions := values["keep-tags-like"]; len(expressions) > 0 {
		patterns, err := registryLike(expressions)
		if err != nil {
			return nil, err
		}
		keep = append(keep, item{anyTag(patterns...), "--keep-tags-like"})
	}
	if values["keep-by-hours"] != nil {
		length, err := registryHours(values, "keep-by-hours")
		if err != nil {
			return nil, err
		}
		keep = append(keep, item{"within: " + length, "--keep-by-hours"})
	}
	return keep, nil
}

func registryHours(values map[string][]string, name string) (string, error) {
	n, err := strconv.Atoi(last(values[name], ""))
	if err != nil || n < 1 || n > 36500*24 {
		return "", fmt.Errorf("--%s is not a number of hours from 1", name)
	}
	return fmt.Sprintf("%dh", n), nil
}
