package app

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/document"
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
	line, column        int
}

func (f *caseFile) problem(v *document.Value, format string, args ...any) {
	f.problems = append(f.problems, policy.Problem{File: f.path, Line: v.Line, Column: v.Column, Path: v.Path, Message: fmt.Sprintf(format, args...)})
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
			f.problem(&document.Value{Line: field.Line, Column: field.Column, Path: v.Path}, "the key %q is not known here", field.Key)
			continue
		}
		read(field.Value)
	}
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
	rules, err := CheckPolicy(f.beside(written))
	if written == "" {
		f.problem(place, "policy: names no policy file")
	} else if err != nil {
		f.problem(place, "%v", err)
	}
	cases := make([]policyCase, len(all.Items))
	for i, item := range all.Items {
		cases[i] = f.policyCase(item)
		cases[i].policy, cases[i].file = rules, f.beside(written)
	}
	return cases
}

func (f *caseFile) policyCase(v *document.Value) policyCase {
	var c policyCase
	f.fields(v, map[string]func(*document.Value){
		"name": f.text(&c.name),
		"now":  f.time(&c.now),
		"inventory": func(v *document.Value) {
			if v.Kind == document.Map {
				c.brief = f.brief(v)
				return
			}
			f.text(&c.saved)(v)
			c.saved = f.beside(c.saved)
			if _, err := os.Stat(c.saved); err != nil {
				f.problem(v, "inventory: %v", err)
			}
		},
		"in_use": func(v *document.Value) { c.uses = f.uses(v) },
		"expect": func(v *document.Value) { c.expect = f.expect(v) },
	})
	switch {
	case c.name == "":
		f.problem(v, "the case has no name")
	case c.saved == "" && len(c.brief) == 0:
		f.problem(v, "case %q has no inventory", c.name)
	case len(c.brief) > 0 && c.now.IsZero():
		f.problem(v, "case %q needs now: the instant from which ages count", c.name)
	case len(c.expect) == 0:
		f.problem(v, "case %q expects nothing, so it would always pass", c.name)
	}
	return c
}

func (f *caseFile) expect(v *document.Value) []expectation {
	var all []expectation
	if v.Kind != document.Map {
		f.problem(v, "expected repositories with their verdicts, found %s", v.Kind)
	}
	for _, repository := range v.Fields {
		list := func(verdict string) func(*document.Value) {
			return func(v *document.Value) {
				all = append(all, expectation{repository.Key, verdict, f.texts(v), v.Line, v.Column})
			}
		}
		f.fields(repository.Value, map[string]func(*document.Value){"keep": list("keep"), "remove": list("remove"), "hold": list("hold")})
	}
	return all
}
