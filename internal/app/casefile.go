package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

// caseFile reads a file of policy cases; everything wrong with it is kept with
// its place.
type caseFile struct {
	path     string
	problems policy.Problems
}

// policyCase is one case as it stands in the file.
type policyCase struct {
	name   string
	policy *policy.Policy
	file   string // of the policy, for messages
	now    time.Time
	saved  string            // an inventory file, or
	brief  []briefRepository // an inventory written by hand
	uses   []caseUse         // nil: the case does not say what is in use
	expect []expectation
}

// expectation is one list of tags of one repository, which is meant whole.
type expectation struct {
	repository, verdict string
	tags                []string
	list                *document.Value // of the tags
	place               *document.Value // of the repository
}

func (f *caseFile) problem(v *document.Value, format string, args ...any) {
	f.suggest(v, "", format, args...)
}

// suggest is a problem with what was probably meant; "" where nobody knows.
func (f *caseFile) suggest(v *document.Value, meant, format string, args ...any) {
	f.problems = append(f.problems, policy.Problem{
		File: f.path, Line: v.Line, Column: v.Column, Path: v.Path, Message: fmt.Sprintf(format, args...), Suggestion: meant,
	})
}

// misread is a problem with a duration or size.
func (f *caseFile) misread(v *document.Value, what string, err error) {
	meant := ""
	if fault := (*duration.Error)(nil); errors.As(err, &fault) {
		meant = fault.Suggestion
	}
	f.suggest(v, meant, "%s: %v", what, err)
}

// beside is a path as it is meant in the file: beside it.
func (f *caseFile) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// fields walks a mapping and complains of keys that are not known.
func (f *caseFile) fields(v *document.Value, known map[string]func(*document.Value)) {
	if v.Kind != document.Map {
		f.problem(v, "expected a mapping, found %s", v.Kind)
		return
	}
	for _, field := range v.Fields {
		read, ok := known[field.Key]
		if !ok {
			words := sortedKeys(known)
			f.suggest(keyOf(v, field), meantBy(field.Key, words), "the key %q is not known here; known are %s", field.Key, strings.Join(words, ", "))
			continue
		}
		read(field.Value)
	}
}

// otherWords are what people call a verdict.
var otherWords = map[string]string{
	"kept": "keep", "keeps": "keep", "retain": "keep", "stay": "keep", "stays": "keep",
	"delete": "remove", "deleted": "remove", "gone": "remove", "go": "remove", "goes": "remove", "held": "hold", "unknown": "hold",
}

// meantBy is the key that a word probably stands for.
func meantBy(word string, known []string) string {
	if meant := otherWords[word]; slices.Contains(known, meant) {
		return meant
	}
	return document.Suggest(word, known)
}

// keyOf is where a key stands.
func keyOf(v *document.Value, field document.Field) *document.Value {
	return &document.Value{Line: field.Line, Column: field.Column, Path: v.Path}
}

func (f *caseFile) text(into *string) func(*document.Value) {
	return func(v *document.Value) {
		if v.Kind == document.List || v.Kind == document.Map || v.Kind == document.Null {
			f.problem(v, "expected a text, found %s", v.Kind)
			return
		}
		*into = v.Text
	}
}

func (f *caseFile) time(into *time.Time) func(*document.Value) {
	return func(v *document.Value) {
		if v.Kind == document.List || v.Kind == document.Map || v.Kind == document.Null {
			f.problem(v, "expected a time such as 2026-01-31, found %s", v.Kind)
			return
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
			if t, err := time.Parse(layout, v.Text); err == nil {
				*into = t.UTC()
				return
			}
		}
		f.problem(v, "%q is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z", v.Text)
	}
}

func (f *caseFile) texts(v *document.Value) []string {
	if v.Kind != document.List {
		f.problem(v, "expected a list of tags such as [v1, v2], found %s", v.Kind)
		return nil
	}
	texts := make([]string, len(v.Items))
	for i, item := range v.Items {
		f.text(&texts[i])(item)
	}
	return texts
}

// read reads the whole file.
func (f *caseFile) read(data []byte) []policyCase {
	root, faults := document.Read(data)
	for _, fault := range faults {
		f.problems = append(f.problems, policy.Problem{File: f.path, Line: fault.Line, Column: fault.Column, Path: fault.Path, Message: fault.Message})
	}
	if root == nil {
		return nil
	}
	if root.Field("policies") != nil {
		f.problem(root, "this is a policy: cases stand in a file of their own, which names it")
		return nil
	}
	var written string
	var all *document.Value
	place := root
	f.fields(root, map[string]func(*document.Value){
		"policy": func(v *document.Value) { place = v; f.text(&written)(v) },
		"cases":  func(v *document.Value) { all = v },
	})
	if all == nil || all.Kind != document.List || len(all.Items) == 0 {
		f.problem(root, "there is no list of cases")
		return nil
	}
	rules := f.policy(place, written)
	cases := make([]policyCase, len(all.Items))
	first := map[string]int{}
	for i, item := range all.Items {
		cases[i] = f.policyCase(item)
		cases[i].policy, cases[i].file = rules, f.beside(written)
		if line, seen := first[cases[i].name]; seen && cases[i].name != "" {
			f.problem(item, "case %q is there twice, first on line %d", cases[i].name, line)
		}
		first[cases[i].name] = item.Line
	}
	return cases
}

// policy reads the policy that the file names. What is wrong with it is told at
// its own place.
func (f *caseFile) policy(place *document.Value, written string) *policy.Policy {
	if written == "" {
		f.problem(place, "policy: names no policy file")
		return nil
	}
	rules, err := CheckPolicy(f.beside(written))
	var wrong policy.Problems
	switch {
	case errors.As(err, &wrong):
		f.problems = append(f.problems, wrong...)
	case err != nil:
		f.problem(place, "%v", err)
	}
	return rules
}

func (f *caseFile) policyCase(v *document.Value) policyCase {
	var c policyCase
	f.fields(v, map[string]func(*document.Value){
		"name": f.text(&c.name),
		"now":  f.time(&c.now),
		"inventory": func(v *document.Value) {
			switch v.Kind {
			case document.Map:
				c.brief = f.brief(v)
				return
			case document.List, document.Null:
				f.problem(v, "expected a file, or repositories with their tags, found %s", v.Kind)
				return
			}
			c.saved = v.Text
			c.saved = f.beside(c.saved)
			if _, err := os.Stat(c.saved); err != nil {
				f.problem(v, "inventory: %v", err)
			}
		},
		"in_use": func(v *document.Value) { c.uses = f.uses(v) },
		"expect": func(v *document.Value) { c.expect = f.expect(v) },
	})
	switch {
	case v.Kind != document.Map:
	case c.name == "":
		f.problem(v, "the case has no name")
	case v.Field("inventory") == nil || c.saved == "" && v.Field("inventory").Kind == document.Map && len(c.brief) == 0:
		f.problem(v, "case %q has no inventory", c.name)
	case len(c.brief) > 0 && v.Field("now") == nil:
		f.problem(v, "case %q needs now: the instant from which ages count", c.name)
	case v.Field("expect") == nil || v.Field("expect").Kind == document.Map && len(v.Field("expect").Fields) == 0:
		f.problem(v, "case %q expects nothing, so it would always pass", c.name)
	}
	if len(c.brief) > 0 {
		f.problems = append(f.problems, c.strangers(f.path, c.repositories())...)
	}
	return c
}

func (f *caseFile) expect(v *document.Value) []expectation {
	var all []expectation
	if v.Kind != document.Map {
		f.problem(v, "expected repositories with their verdicts, found %s", v.Kind)
	}
	for _, repository := range v.Fields {
		before := len(all)
		verdicts := map[string]string{} // of each tag
		list := func(verdict string) func(*document.Value) {
			return func(v *document.Value) {
				tags := f.texts(v)
				for i, tag := range tags {
					if other, seen := verdicts[tag]; seen && tag != "" {
						f.problem(v.Items[i], "%s is expected in %s and in %s", tag, other, verdict)
					}
					verdicts[tag] = verdict
				}
				all = append(all, expectation{repository.Key, verdict, tags, v, keyOf(repository.Value, repository)})
			}
		}
		f.fields(repository.Value, map[string]func(*document.Value){"keep": list("keep"), "remove": list("remove"), "hold": list("hold")})
		if len(all) == before && repository.Value.Kind == document.Map && len(repository.Value.Fields) == 0 {
			f.problem(repository.Value, "of %s nothing is expected", repository.Key)
		}
	}
	return all
}
