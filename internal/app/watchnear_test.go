package app

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/document"
)

// idleLines are the warnings about a policy in a registry that was never looked
// at before, whose inventory is written as in a policy case.
func idleLines(t *testing.T, rules, inventory string) string {
	t.Helper()
	read, err := policy.Parse("policy.yaml", []byte("version: 1\n"+rules))
	if err != nil {
		t.Fatalf("%v\n%s", err, rules)
	}
	root, faults := document.Read([]byte(inventory))
	f := &caseFile{}
	repositories := f.brief(root)
	if len(faults)+len(f.problems) > 0 {
		t.Fatal(faults, f.problems)
	}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	w := newWatch(read)
	watched := w.scope(briefRegistry, true)
	for i := range repositories {
		repo := repositories[i].inventory(now)
		report := read.Evaluate(repo, nil, now)
		watched.add(repo, &report)
	}
	return codes(w.warnings(nil, nil))
}

// Each policy is warned of in one inventory, and in another, very near to it,
// it is not.
func TestLinesThatMatchNothing(t *testing.T) {
	one := func(rule string) string {
		return "policies: [{repositories: [\"**\"], rules: [{" + rule + "}]}]\n"
	}
	for name, c := range map[string]struct{ rules, dead, want, near string }{
		"a policy": {
			"policies: [{repositories: [\"shop/**\"], rules: [{tags: [\"**\"]}]}]", "{store/cart: {v1: {}}}", "governs-nothing policies[0]", "{shop/cart: {v1: {}}}",
		},
		"a policy behind another": {
			"policies: [{repositories: [\"shop/*\"], rules: [{tags: [\"**\"]}]}, {repositories: [\"**/cart\"], rules: [{tags: [\"**\"]}]}]",
			"{shop/cart: {v1: {}}}", "governs-nothing policies[1]", "{shop/cart: {v1: {}}, cart: {v1: {}}, a/cart: {v1: {}}}",
		},
		"a rule": {one(`tags: ["v*"], remove: [{older_than: 1d}]`), "{a: {w1: {age: 1d}}}", "claims-nothing policies[0].rules[0]", "{a: {v1: {age: 1d}}}"},
		"a rule behind another": {
			"policies: [{repositories: [\"**\"], rules: [{tags: [\"v*\"]}, {tags: [\"*1\"]}]}]", "{a: {v1: {}}}", "claims-nothing policies[0].rules[1]", "{a: {v1: {}, w1: {}}}",
		},
		"a rule of tags and untagged images": {one(`tags: ["v*"], untagged: true`), "{a: {w1: {}}}", "claims-nothing policies[0].rules[0]", "{a: {w1: {}, \"@x\": {}}}"},
		"a rule of untagged images behind another": {
			"policies: [{repositories: [\"**\"], rules: [{tags: [a], untagged: true}, {tags: [b], untagged: true}]}]", "{a: {\"@x\": {}}}", "claims-nothing policies[0].rules[1]", "{a: {b: {}, a: {}}}",
		},
		"a protect pattern": {
			"protect: [{tags: [prod]}]\n" + one(`tags: ["**"]`), "{a: {production: {}}}", "matches-nothing protect[0]", "{a: {production: {}}, b: {prod: {}}}",
		},
		"a keep pattern": {
			one(`tags: ["v*"], remove: [{older_than: 1d}], keep: [{tags: [v9]}]`), "{a: {v1: {age: 1d}}}", "matches-nothing policies[0].rules[0].keep[0]", "{a: {v9: {age: 9d}}}",
		},
		"a keep pattern of other tags of the image": {
			one(`tags: ["v*"], remove: [{older_than: 1d}], keep: [{image_tags: {any: [prod]}}]`), "{a: {v1: {age: 1d}}}", "matches-nothing policies[0].rules[0].keep[0]",
			"{a: {v1: {age: 1d}, prod: {age: 1d}}}",
		},
		"an exception in tags": {one(`tags: ["*", "!v9"]`), "{a: {v1: {}}}", "matches-nothing policies[0].rules[0]", "{a: {v1: {}, v9: {}}}"},
		"an exception in remove": {
			one(`tags: ["*"], remove: [{older_than: 1d, not: {tags: [v9]}}]`), "{a: {v1: {age: 1d}}}", "matches-nothing policies[0].rules[0].remove[0]", "{a: {v1: {age: 1d}, v9: {age: 9d}}}",
		},
		"a label": {
			"protect: [{labels: {hold: \"yes\"}}]\n" + one(`tags: ["**"], remove: [{older_than: 1d}]`), "{a: {v1: {age: 9d, labels: {hold: \"no\"}}, v2: {age: 1d}}}", "matches-nothing protect[0]",
			"{a: {v1: {age: 9d, labels: {hold: \"yes\"}}, v2: {age: 1d}}}",
		},
		"a version": {
			one(`tags: ["**"], remove: [{older_than: 1d}], keep: [{semver: {range: ">=2"}}]`), "{a: {1.0.0: {age: 9d}}}", "matches-nothing policies[0].rules[0].keep[0]", "{a: {2.0.0: {age: 9d}}}",
		},
		"pulls that nobody records": {
			one(`tags: ["**"], remove: [{not_pulled_for: 1d}]`), "{a: {v1: {age: 9d}, v2: {age: 9d}}}", "never-decides policies[0].rules[0]", "{a: {v1: {age: 9d}, v2: {age: 9d, pulled: 2026-05-31}}}",
		},
		"ages that nobody knows": {
			one(`tags: ["**"], remove: [{older_than: 1d}]`), "{a: {v1: {}, v2: {created: 1970-01-01}}}", "never-decides policies[0].rules[0]", "{a: {v1: {}, v2: {age: 2d}}}",
		},
		// What can be known and keeps everything leaves nothing to decide.
		"ages of what is not kept": {
			one(`tags: ["**"], remove: [{older_than: 1d}], keep: [{newest: 1}]`), "{a: {v1: {}, v2: {age: 2d}}}", "never-decides policies[0].rules[0]", "{a: {v1: {}}}",
		},
	} {
		if got := idleLines(t, c.rules, c.dead); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if got := idleLines(t, c.rules, c.near); got != "" {
			t.Errorf("near to %s: %q", name, got)
		}
	}
}

// A registry without untagged images is in order, and so is the rule for them.
func TestNoUntaggedImagesAreNoMistake(t *testing.T) {
	const rules = "policies: [{repositories: [\"**\"], rules: [{tags: [\"v*\"]}, {untagged: true, remove: [{older_than: 7d}], keep: [{labels: {hold: \"yes\"}}]}]}]"
	if got := idleLines(t, rules, "{a: {v1: {}}}"); got != "" {
		t.Error(got)
	}
	if got := idleLines(t, rules, "{a: {v1: {}, \"@x\": {age: 1d}}}"); got != "matches-nothing policies[0].rules[1].keep[0]" {
		t.Error(got)
	}
}
