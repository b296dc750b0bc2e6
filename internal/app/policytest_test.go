package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/policy"
)

// documented writes the files of the page to a folder.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/policy-test.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	for i, name := range []string{"policy.yaml", "policy.test.yaml"} {
		text, _, _ := strings.Cut(blocks[i], "```")
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestDocumentedCasesHold(t *testing.T) {
	results, err := TestPolicy(t.Context(), filepath.Join(documented(t), "policy.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 3 {
		t.Errorf("%d cases", len(results))
	}
	for _, result := range results {
		for _, miss := range result.Misses {
			t.Errorf("%s: %s:%s: want %s, got %s", result.Name, miss.Repository, miss.Tag, miss.Want, miss.Got.Verdict)
		}
	}
}

func TestCasesThatDiffer(t *testing.T) {
	for name, tc := range map[string]struct{ expect, want string }{
		"another verdict":         {"{keep: [v1]}", "v1 keep remove,v2 not keep keep,v3 not keep keep"},
		"a list is meant whole":   {"{keep: [v3]}", "v2 not keep keep"},
		"an empty list says none": {"{remove: []}", "v1 not remove remove"},
		"no such tag":             {"{remove: [v1, v9]}", "v9 remove "},
		"a list left out":         {"{remove: [v1]}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(documented(t), "other.yaml")
			text := "policy: policy.yaml\ncases:\n  - name: n\n    now: 2026-06-01\n    inventory:\n      shop/cart: {v1: {age: 90d}, v2: {age: 60d}, v3: {age: 40d}}\n    expect: {shop/cart: " + tc.expect + "}\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			results, err := TestPolicy(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, miss := range results[0].Misses {
				got = append(got, miss.Tag+" "+miss.Want+" "+miss.Got.Verdict)
			}
			if strings.Join(got, ",") != tc.want {
				t.Errorf("got %q, want %q", strings.Join(got, ","), tc.want)
			}
		})
	}
}

// What a case writes by hand is what the registry would have told.
func TestInventoriesByHand(t *testing.T) {
	const old = `now: 2026-06-01, inventory: {shop/cart: {new: {age: 1d}, `
	for name, tc := range map[string]struct{ rule, body, want string }{
		"the oldest of several ages is that of the build": {`remove: [{older_than: 30d}], age_from: created`,
			old + `a: {age: 90d, digest: x}, b: {age: 1d, digest: x}}}, expect: {shop/cart: {remove: [a, b]}}`, ""},
		"a build time that is written is the build time": {`remove: [{older_than: 30d}], age_from: created`,
			old + `a: {created: 2026-05-20, digest: x}, b: {age: 90d, digest: x}}}, expect: {shop/cart: {remove: []}}`, ""},
		"also where it is written below": {`remove: [{older_than: 30d}], age_from: created`,
			old + `a: {age: 90d, digest: x}, b: {created: 2026-05-20, digest: x}}}, expect: {shop/cart: {remove: []}}`, ""},
		"an untagged image has a push and pulls of its own": {`untagged: true, remove: [{not_pulled_for: 30d}]`,
			old + `"@a": {pushed: 2026-01-01, pulled: 2026-02-01}, "@b": {pushed: 2026-01-01, pulled: 2026-05-31}, "@c": {pushed: 2026-05-30}}}, expect: {shop/cart: {remove: ["@a"], hold: []}}`, ""},
		"a digest may be in use": {`remove: [{older_than: 30d}], keep: [{in_use: true}]`,
			`in_use: [shop/cart@` + string(wordDigest("x")) + `], ` + old + `a: {age: 90d, digest: x}, b: {age: 90d}}}, expect: {shop/cart: {remove: [b]}}`, ""},
		"a repository may be in use": {`remove: [{older_than: 30d}], keep: [{in_use: true}]`,
			`in_use: [shop/cart], ` + old + `a: {age: 90d}}, shop/till: {a: {age: 90d}, new: {age: 1d}}}, expect: {shop/cart: {remove: []}, shop/till: {remove: [a]}}`, ""},
		"a miss names an untagged image as it was written": {`untagged: true, remove: [{older_than: 30d}]`,
			old + `"@a": {age: 90d}}}, expect: {shop/cart: {keep: ["@a", new]}}`, "@a keep remove"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			rules := "version: 1\npolicies: [{repositories: [\"**\"], rules: [{tags: [\"**\"], " + tc.rule + "}]}]\n"
			for file, text := range map[string]string{"policy.yaml": rules, "cases.yaml": "policy: policy.yaml\ncases: [{name: n, " + tc.body + "}]\n"} {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			results, err := TestPolicy(t.Context(), filepath.Join(folder, "cases.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, miss := range results[0].Misses {
				got = append(got, miss.Tag+" "+miss.Want+" "+miss.Got.Verdict)
			}
			if strings.Join(got, ",") != tc.want {
				t.Errorf("got %q, want %q", strings.Join(got, ","), tc.want)
			}
		})
	}
}

func TestCaseFileMistakes(t *testing.T) {
	const head = "policy: policy.yaml\ncases:\n"
	for text, want := range map[string]string{
		"policy: nowhere.yaml\ncases: [{name: n, now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}]\n": ":1:9: ",
		"cases: []\n": "no list of cases",
		head + "  - {name: n, now: soon, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}\n":              `:3:20: "soon" is not a time`,
		head + "  - {name: n, now: 2026-06-01, inventory: {a: {v1: {aeg: 3d}}}, expect: {a: {keep: []}}}\n": `"aeg" is not known`,
		head + "  - {name: n, now: 2026-06-01, inventory: {a: {v1: {age: 3q}}}, expect: {a: {keep: []}}}\n": "age: ",
		head + "  - {name: n, now: 2026-06-01, inventory: {a: {v1: {}}}}\n":                                 "would always pass",
		head + "  - {name: n, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}\n":                         "needs now",
		head + "  - {name: n, now: 2026-06-01, inventory: none.jsonl, expect: {a: {keep: []}}}\n":           ":3:43: inventory: ",
		head + "  - {name: n, now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {gone: []}}}\n":        `"gone" is not known`,
	} {
		path := filepath.Join(documented(t), "bad.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := TestPolicy(t.Context(), path)
		var problems policy.Problems
		if !errors.As(err, &problems) || KindOf(err) != Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
