package app

import (
	"maps"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/document"
)

// repositories are those of an inventory written by hand.
func (c *policyCase) repositories() []string {
	names := make([]string, len(c.brief))
	for i, r := range c.brief {
		names[i] = r.name
	}
	return names
}

// strangers are the repositories that a case is about and that its inventory
// does not have: what is expected of them would always hold.
func (c *policyCase) strangers(file string, known []string) policy.Problems {
	f := &caseFile{path: file}
	told := map[string]bool{}
	for _, e := range c.expect {
		if !told[e.repository] && !slices.Contains(known, e.repository) {
			told[e.repository] = true
			f.suggest(e.place, document.Suggest(e.repository, known), "the inventory has no repository %s", e.repository)
		}
	}
	for _, u := range c.uses {
		if !slices.Contains(known, u.repository) {
			f.suggest(u.place, document.Suggest(u.repository, known), "in_use: the inventory has no repository %s", u.repository)
		}
	}
	return f.problems
}

// brief reads an inventory written by hand.
func (f *caseFile) brief(v *document.Value) []briefRepository {
	var all []briefRepository
	for _, repository := range v.Fields {
		r := briefRepository{name: repository.Key}
		if !oci.ValidRepository(r.name) {
			f.problem(keyOf(repository.Value, repository), "%q is no name of a repository", r.name)
		}
		if repository.Value.Kind != document.Map {
			f.problem(repository.Value, "expected tags, found %s", repository.Value.Kind)
		}
		seen := map[oci.Digest]briefTag{}
		for _, tag := range repository.Value.Fields {
			t := f.briefTag(tag.Key, tag.Value)
			place := keyOf(tag.Value, tag)
			if word, untagged := t.untagged(); !untagged && !oci.ValidTag(t.name) {
				f.problem(place, "%q is no tag", t.name)
			} else if untagged && (word == "" || t.digest != "") {
				f.problem(place, "%q is an image without a tag: a word behind the @ names it, and it has no digest beside", t.name)
			}
			digest := t.image(r.name)
			if other, shared := seen[digest]; shared {
				f.agree(place, t, other)
			}
			seen[digest] = t
			r.tags = append(r.tags, t)
		}
		all = append(all, r)
	}
	return all
}

// agree complains where two tags of one image say different things of it.
func (f *caseFile) agree(place *document.Value, t, other briefTag) {
	_, untagged := t.untagged()
	_, otherUntagged := other.untagged()
	switch {
	case untagged != otherUntagged:
		f.problem(place, "%s and %s are one image, which has a tag or has none", other.name, t.name)
	case !t.created.IsZero() && !other.created.IsZero() && !t.created.Equal(other.created):
		f.problem(place, "%s and %s are one image, which was created once", other.name, t.name)
	case t.bytes > 0 && other.bytes > 0 && t.bytes != other.bytes:
		f.problem(place, "%s and %s are one image, which has one size", other.name, t.name)
	case t.labels != nil && other.labels != nil && !maps.Equal(t.labels, other.labels):
		f.problem(place, "%s and %s are one image, which has the same labels", other.name, t.name)
	}
}

func (f *caseFile) briefTag(name string, v *document.Value) briefTag {
	t := briefTag{name: name}
	f.fields(v, map[string]func(*document.Value){
		"digest": f.text(&t.digest),
		"age": func(v *document.Value) {
			d, err := policy.ParseDuration(v.Text)
			if err != nil {
				f.misread(v, "age", err)
				return
			}
			t.age = &d
		},
		"created": f.time(&t.created), "pushed": f.time(&t.pushed), "pulled": f.time(&t.pulled),
		"size": func(v *document.Value) {
			var err error
			if t.bytes, err = policy.ParseSize(v.Text); err != nil {
				f.misread(v, "size", err)
			}
		},
		"labels": func(v *document.Value) {
			t.labels = map[string]string{}
			if v.Kind != document.Map {
				f.problem(v, "labels: expected a mapping such as {stage: prod}, found %s", v.Kind)
			}
			for _, field := range v.Fields {
				var value string
				f.text(&value)(field.Value)
				t.labels[field.Key] = value
			}
		},
	})
	return t
}

// untagged is the word behind the @ of an image without a tag.
func (t *briefTag) untagged() (word string, is bool) { return strings.CutPrefix(t.name, "@") }
