package app

import (
	"errors"
	"fmt"
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
	const same = "  - {name: n, now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}\n"
	one := func(body string) string { return head + "  - {name: n, " + body + "}\n" }
	inventory := func(tags string) string {
		return one("now: 2026-06-01, inventory: {a: {" + tags + "}}, expect: {a: {keep: []}}")
	}
	// The mark » stands where the problem is told, and is no part of the file.
	for marked, want := range map[string]string{
		"»":         "the file is empty",
		"»# none\n": "the file is empty",
		"policy: »nowhere.yaml\ncases: [{name: n, now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}]\n": "policy file: ",
		"»cases: []\n":                      "there is no list of cases",
		"»version: 1\npolicies: []\n":       "this is a policy",
		"»cases: [{name: n}]\n":             "policy: names no policy file",
		"»polcy: policy.yaml\ncases: [1]\n": `the key "polcy" is not known here; known are cases, policy (did you mean "policy"?)`,
		head + "  - »7\n":                   "expected a mapping, found a whole number",
		one("»nwo: 2026-06-01"):             `the key "nwo" is not known here; known are expect, in_use, inventory, name, now (did you mean "now"?)`,
		one("now: »soon, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}"): `"soon" is not a time`,
		one("now: »[], inventory: {a: {v1: {}}}, expect: {a: {keep: []}}"):   "expected a time such as 2026-01-31, found a list",
		inventory("v1: {»aeg: 3d}"):                                          `the key "aeg" is not known here; known are age, created, digest, labels, pulled, pushed, size (did you mean "age"?)`,
		inventory("v1: {age: »30}"):                                          `age: "30" has no unit`,
		inventory("v1: {age: »3 days}"):                                      `age: "3 days" has a blank: a duration is one word, such as 30d (did you mean "3d"?)`,
		inventory("v1: {size: »3gb}"):                                        `size: "3gb" has the unit "gb" (did you mean "3GB"?)`,
		inventory("v1: {labels: »x}"):                                        "labels: expected a mapping",
		inventory("v1: {labels: {a: »[b]}}"):                                 "expected a text, found a list",
		inventory("»v1/x: {}"):                                               `"v1/x" is no tag`,
		inventory(`»"@": {}`):                                                `"@" is an image without a tag: a word`,
		inventory(`»"@x": {digest: y}`):                                      `"@x" is an image without a tag: a word behind the @ names it, and it has no digest beside`,
		inventory(`v1: {digest: x}, »"@x": {}`):                              "v1 and @x are one image, which has a tag or has none",
		inventory("v1: {digest: x, created: 2026-01-01}, »v2: {digest: x, created: 2026-01-02}"):              "v1 and v2 are one image, which was created once",
		inventory("v1: {digest: x, size: 1MB}, »v2: {digest: x, size: 2MB}"):                                  "v1 and v2 are one image, which has one size",
		inventory("v1: {digest: x, labels: {a: b}}, »v2: {digest: x, labels: {a: c}}"):                        "v1 and v2 are one image, which has the same labels",
		one("now: 2026-06-01, inventory: {»A: {v1: {}}}, expect: {A: {keep: []}}"):                            `"A" is no name of a repository`,
		one("now: 2026-06-01, inventory: {a: »[]}, expect: {a: {keep: []}}"):                                  "expected tags, found a list",
		head + "  - »{name: n, now: 2026-06-01, inventory: {a: {v1: {}}}}\n":                                  `case "n" expects nothing, so it would always pass`,
		head + "  - »{name: n, now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {}}\n":                      `case "n" expects nothing, so it would always pass`,
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: »{}}"):                                    "of a nothing is expected",
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: »v1}}"):                            "expected a list of tags such as [v1, v2], found a text",
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: »[a]"):                                        "expected repositories with their verdicts, found a list",
		head + "  - »{name: n, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}\n":                          `case "n" needs now`,
		head + "  - »{name: n, now: 2026-06-01, inventory: {}, expect: {a: {keep: []}}}\n":                    `case "n" has no inventory`,
		head + "  - »{name: n, now: 2026-06-01, expect: {a: {keep: []}}}\n":                                   `case "n" has no inventory`,
		one("now: 2026-06-01, inventory: »[], expect: {a: {keep: []}}"):                                       "expected a file, or repositories with their tags, found a list",
		one("now: 2026-06-01, inventory: »none.jsonl, expect: {a: {keep: []}}"):                               "inventory: ",
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {»gone: []}}"):                            `the key "gone" is not known here; known are hold, keep, remove (did you mean "remove"?)`,
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {»kep: []}}"):                             `the key "kep" is not known here; known are hold, keep, remove (did you mean "keep"?)`,
		one("now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: [v1], hold: [»v1]}}"):              "v1 is expected in keep and in hold",
		one("now: 2026-06-01, inventory: {shop: {v1: {}}}, expect: {»shpo: {remove: [], keep: []}}"):          `the inventory has no repository shpo (did you mean "shop"?)`,
		one("now: 2026-06-01, in_use: [»shpo:v1], inventory: {shop: {v1: {}}}, expect: {shop: {remove: []}}"): `in_use: the inventory has no repository shpo (did you mean "shop"?)`,
		one("now: 2026-06-01, in_use: »shop, inventory: {shop: {v1: {}}}, expect: {shop: {remove: []}}"):      "in_use: expected a list of images such as [shop/cart:v1], found a text",
		head + "  - »{now: 2026-06-01, inventory: {a: {v1: {}}}, expect: {a: {keep: []}}}\n":                  "the case has no name",
		head + same + strings.Replace(same, "{", "»{", 1):                                                     `case "n" is there twice, first on line 3`,
	} {
		before, after, _ := strings.Cut(marked, "»")
		place := fmt.Sprintf(":%d:%d: ", 1+strings.Count(before, "\n"), len(before)-strings.LastIndexByte(before, '\n'))
		path := filepath.Join(documented(t), "bad.yaml")
		if err := os.WriteFile(path, []byte(before+after), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := TestPolicy(t.Context(), path)
		var problems policy.Problems
		if !errors.As(err, &problems) || KindOf(err) != Usage || strings.Count(err.Error(), place+want) != 1 {
			t.Errorf("%s: got %v, want %q", marked, err, place+want)
		}
	}
}

// What is wrong with the policy is told at its own place, and before what is
// wrong with the cases.
func TestCasesOfAWrongPolicy(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"p.yaml": "version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules: [{tags: [\"**\"], remove: [{odler_than: 30d}]}]\n",
		"c.yaml": "policy: p.yaml\ncases:\n  - nmae: x\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := TestPolicy(t.Context(), filepath.Join(folder, "c.yaml"))
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) < 2 || problems[0].File != filepath.Join(folder, "p.yaml") || problems[0].Line != 4 || problems[0].Suggestion != "older_than" {
		t.Errorf("%+v", problems)
	}
}

// A saved inventory gives the instant, names untagged images by their digests,
// and is asked too whether it has what is expected of it.
func TestCasesOfASavedInventory(t *testing.T) {
	digest, used := string(wordDigest("lost")), string(wordDigest("used"))
	manifest := func(digest string) string {
		return `{"digest":"` + digest + `","media_type":"application/vnd.oci.image.manifest.v1+json","read":true,"created":"2026-01-01T00:00:00Z"}` + "\n"
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"policy.yaml": "version: 1\nfloor: 0\nprotect: [{in_use: true}]\npolicies: [{repositories: [\"**\"], rules: [{untagged: true, remove: [{older_than: 30d}]}]}]\n",
		"saved.jsonl": `{"type":"inventory","version":1,"at":"2026-06-01T00:00:00Z","registry":{"name":"r"}}` + "\n" +
			`{"type":"repository","registry":"r","repository":"shop","graph":true,"referrers_complete":true,"manifests":2}` + "\n" + manifest(digest) + manifest(used) + `{"type":"end","repositories":1}` + "\n",
		"good.yaml": "policy: policy.yaml\ncases:\n" +
			"  - {name: n, inventory: saved.jsonl, in_use: [\"shop@" + used + "\"], expect: {shop: {remove: [\"@" + digest + "\"], keep: [\"@" + used + "\"]}}}\n" +
			"  - {name: young, now: 2026-01-02, inventory: saved.jsonl, in_use: [], expect: {shop: {remove: []}}}\n",
		"bad.yaml": "policy: policy.yaml\ncases:\n  - {name: n, inventory: saved.jsonl, expect: {shpo: {remove: []}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results, err := TestPolicy(t.Context(), filepath.Join(folder, "good.yaml"))
	if err != nil || len(results) != 2 || len(results[0].Misses)+len(results[1].Misses) > 0 {
		t.Errorf("%+v, %v", results, err)
	}
	_, err = TestPolicy(t.Context(), filepath.Join(folder, "bad.yaml"))
	if err == nil || !strings.Contains(err.Error(), `:3:48: the inventory has no repository shpo (did you mean "shop"?)`) {
		t.Error(err)
	}
}
