package policy

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, text string) error {
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	return schema.Validate(doc)
}

func TestSchemaAcceptsWhatIsRead(t *testing.T) {
	schema := compileSchema(t)
	for _, text := range []string{request, tenRules, "version: 1\nprotect: []\nregistries: {a: b}\nmax_share: 30%\nmax_removals: unlimited\n" + request[len("version: 1\n"):]} {
		if err := validate(schema, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := genDraft(t).text()
		if err := validate(schema, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
}

func TestSchemaRefusesWhatIsRefused(t *testing.T) {
	schema := compileSchema(t)
	rule := func(body string) string { return oneRule("{tags: [\"**\"], " + body + "}") }
	for name, text := range map[string]string{
		"mistyped": rule("remove: [{older_then: 30d}]"), "wrong place": rule("remove: [{newest: 5}]"), "no unit": rule("remove: [{older_than: 30}]"),
		"keep 0": rule("keep: [{newest: 0}]"), "keep a text": rule(`keep: [{newest: "5"}]`), "empty list": rule("remove: []"), "empty item": rule("remove: [{}]"),
		"no version": "policies: [{repositories: [a], rules: [{tags: [b]}]}]", "version 2": "version: 2\npolicies: [{repositories: [a], rules: [{tags: [b]}]}]",
		"everything: false": rule("remove: [{everything: false}]"), "choice": rule("unknown_age: delete"), "long unit": rule("remove: [{older_than: 30days}]"),
		"in use under remove": rule("remove: [{in_use: true}]"), "newest under protect": "version: 1\nprotect: [{newest: 1}]\npolicies: [{repositories: [a], rules: [{tags: [b]}]}]",
	} {
		if validate(schema, text) == nil {
			t.Errorf("%s: the schema accepts\n%s", name, text)
		}
		if _, err := Parse("p.yaml", []byte(text)); err == nil {
			t.Errorf("%s: the parser accepts\n%s", name, text)
		}
	}
}

// What the schema gives as the default is what the parser takes where nothing is
// written, and every key that is not of the configuration is described.
func TestSchemaHelpsEditors(t *testing.T) {
	for _, k := range slices.Concat(settingKeys, ruleKeys) {
		if k.fallback == nil {
			continue
		}
		text := fmt.Sprintf("version: 1\n%s: %v\n", k.name, k.fallback) + request[len("version: 1\n"):]
		if _, setting := find(k.name, settingKeys); !setting {
			text = oneRule(fmt.Sprintf("{tags: [\"**\"], %s: %v, remove: [{older_than: 30d}], keep: [{newest: 5}]}", k.name, k.fallback))
		}
		if parse(t, text).Hash() != parse(t, request).Hash() {
			t.Errorf("%s: %v is not the default", k.name, k.fallback)
		}
	}
	for _, k := range slices.Concat(topKeys, settingKeys, policyKeys, ruleKeys, conditionKeys, nestingKeys, modifierKeys, semverKeys, imageTagsKeys, orderKeys, orphanKeys) {
		if k.schema("keep")["description"] == nil {
			t.Errorf("%s is not described", k.name)
		}
	}
}
