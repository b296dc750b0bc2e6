package policy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"
)

var update = flag.Bool("update", false, "write docs/policy.md anew")

type recipe struct{ File, Title, Text, YAML string }

// recipes of the cookbook. Each is a policy in docs/cookbook, with a file of
// cases beside it that internal/app runs.
var recipes = []recipe{
	{File: "older-than", Title: "Older than 30 days, but at least five", Text: "The request that regkeep was made for."},
	{File: "releases", Title: "Releases by version", Text: "The three newest patch releases of every minor line stay for ever, others for a year, release candidates for a month. Moving tags such as `v1` and `v1.2` belong to no rule and stay, and so does the image that they point at."},
	{File: "pull-requests", Title: "Images of pull requests", Text: "They go after a week, or when the image says itself that it has expired. What somebody runs stays."},
	{File: "nightly", Title: "Nightly builds like backups", Text: "Seven days, four weeks, twelve months, one of each. The day is taken from the tag."},
	{File: "branches", Title: "One repository, many branches", Text: "Every branch has its own five newest builds, by build number; so has one on which nobody works any more."},
	{File: "compliance", Title: "Holds for compliance", Text: "What carries the label stays, in every repository. So does every image that also has a release tag, under each of its names. Untagged images have a rule of their own, so that they take no places from tags."},
	{File: "not-pulled", Title: "Not pulled for 90 days", Text: "Only in registries that record pulls; elsewhere all but the newest three are held. A fresh image that nobody pulled yet is not idle."},
	{File: "large-images", Title: "Large images sooner", Text: "Images over 5 GiB go after three days, others after ninety. The newest two stay, and what a production tag points at, under each of its names."},
}

// cookbook reads the policies of the recipes.
func cookbook(t *testing.T) []recipe {
	t.Helper()
	all := slices.Clone(recipes)
	for i := range all {
		text, err := os.ReadFile("../../docs/cookbook/" + all[i].File + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		all[i].YAML = string(text)
	}
	return all
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

// typeOf says what may stand as a value.
func typeOf(k key) string {
	switch k.kind {
	case kindDuration:
		return "duration"
	case kindCount:
		return "number from 1"
	case kindNumber:
		return "number from 0"
	case kindLimit:
		return "number or `unlimited`"
	case kindShare:
		return "share"
	case kindSize:
		return "size"
	case kindTrue:
		return "`true`"
	case kindBool:
		return "true or false"
	case kindChoice:
		choices := make([]string, len(k.choices))
		for i, choice := range k.choices {
			choices[i] = code(choice)
		}
		return strings.Join(choices, ", ")
	case kindPatterns:
		return "patterns"
	case kindPatternMap:
		return "names with patterns"
	case kindExpression:
		return "CEL"
	case kindItem:
		return "item"
	case kindItems:
		return "items"
	case kindRules, kindPolicies:
		return "list"
	case kindVersion:
		return "`1`"
	case kindSemver, kindImageTags, kindOrphans, kindOrder:
		return "see below"
	}
	return "text"
}

func rows(keys []key, where bool) string {
	var b strings.Builder
	if where {
		b.WriteString("| condition | value | where | true when | example |\n|---|---|---|---|---|\n")
	} else {
		b.WriteString("| key | value | | example |\n|---|---|---|---|\n")
	}
	for _, k := range keys {
		example, required := "", ""
		if k.example != "" {
			example = code(k.example)
		}
		if k.required {
			required = "Required. "
		}
		places := ""
		if where {
			places = strings.ReplaceAll(k.where.String(), "remove, keep, protect", "anywhere") + " | "
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s%s%s | %s |\n", k.name, typeOf(k), places, required, k.summary, example)
	}
	return b.String()
}

func reference(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/policy.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	funcs := template.FuncMap{
		"table":      func(keys []key) string { return rows(keys, false) },
		"conditions": func(keys []key) string { return rows(keys, true) },
		"names": func(keys []key) string {
			all := names(keys)
			for i := range all {
				all[i] = code(all[i])
			}
			return strings.Join(all, ", ")
		},
		"variables": func() string {
			var b strings.Builder
			for _, v := range variables {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, v.kind, v.summary)
			}
			return b.String()
		},
	}
	tmpl, err := template.New("policy.md").Funcs(funcs).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, map[string]any{
		"Top": topKeys, "Settings": settingKeys, "Foreign": foreignKeys, "Policy": policyKeys, "Rule": ruleKeys,
		"Conditions": conditionKeys, "Nesting": nestingKeys, "Modifiers": modifierKeys,
		"Semver": semverKeys, "ImageTags": imageTagsKeys, "Order": orderKeys, "Orphans": orphanKeys, "Recipes": cookbook(t),
	}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReferenceIsUpToDate(t *testing.T) {
	const path = "../../docs/policy.md"
	made := reference(t)
	if *update {
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, made) {
		t.Errorf("docs/policy.md is not what the tables say (%v): go test ./internal/policy -run TestReference -update", err)
	}
}

func TestCookbook(t *testing.T) {
	schema := compileSchema(t)
	for _, r := range cookbook(t) {
		if warnings := parse(t, r.YAML).Warnings(); len(warnings) > 0 {
			t.Errorf("%s: %+v", r.Title, warnings)
		}
		if err := validate(schema, r.YAML); err != nil {
			t.Errorf("%s: %v", r.Title, err)
		}
	}
}

// Every example in the tables is read where the table says that it may stand.
func TestExamplesAreRead(t *testing.T) {
	for _, k := range slices.Concat(conditionKeys, nestingKeys) {
		for _, where := range []place{inRemove, inKeep, inProtect} {
			if k.where&where == 0 {
				continue
			}
			example := k.example
			if k.kind == kindItems && where != inKeep {
				example = k.name + `: [{tags: ["v*"]}]`
			}
			text := "version: 1\n"
			rule := `{tags: ["**"], remove: [{older_than: 1d}], keep: [{newest: 1}], ` + where.String() + ": [{" + example + "}]}"
			switch where {
			case inRemove:
				rule = strings.Replace(rule, "remove: [{older_than: 1d}], ", "", 1)
			case inKeep:
				rule = strings.Replace(rule, "keep: [{newest: 1}], ", "", 1)
			default:
				text += "protect: [{" + example + "}]\n"
				rule = `{tags: ["**"]}`
			}
			parse(t, text+oneRule(rule)[len("version: 1\n"):])
		}
	}
	for _, k := range settingKeys {
		parse(t, "version: 1\n"+k.example+"\n"+request[len("version: 1\n"):])
	}
	for _, k := range ruleKeys {
		text := oneRule("{" + k.example + "}")
		if k.name != "tags" && k.name != "untagged" {
			text = oneRule(`{tags: ["**"], ` + k.example + "}")
		}
		parse(t, text)
	}
}
