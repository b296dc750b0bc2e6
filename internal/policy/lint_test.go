package policy

import (
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	for name, c := range map[string]struct{ text, code, want string }{
		"shadowed rule": {"version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - {tags: [\"**\"], remove: [{older_than: 1d}]}\n      - {tags: [\"v*\"], remove: [{older_than: 1y}]}\n",
			"shadowed", "the rule on line 6 claims nothing: the one on line 5"},
		"shadowed by prefix": {"version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - {tags: [\"v*\"], remove: [{older_than: 1d}]}\n      - {tags: [\"v1.*\"], remove: [{older_than: 1y}]}\n", "shadowed", "line 6"},
		"shadowed policy":    {"version: 1\npolicies:\n  - {repositories: [\"**\"], rules: [{tags: [a]}]}\n  - {repositories: [\"x/*\"], rules: [{tags: [a]}]}\n", "shadowed", "the policy on line 4 never governs"},
		"expression":         {oneRule(`{tags: ["/rc/"], remove: [{older_than: 1d}]}`), "anchored", `matches "rc" alone`},
		"expression as glob": {oneRule(`{tags: ["/dev*/"], remove: [{older_than: 1d}]}`), "anchored", "repeats the letter"},
		"glob as expression": {oneRule(`{tags: ["^v1"], remove: [{older_than: 1d}]}`), "anchored", "^ and $ are characters"},
		"two anchorings":     {oneRule(`{tags: ["rc", "*rc*"], remove: [{older_than: 1d}]}`), "anchored", "differ only in their anchoring"},
		"slash in a tag":     {oneRule(`{tags: ["feature/*"], remove: [{older_than: 1d}]}`), "cannot-match", "tags have no slash"},
		"keep is weaker":     {oneRule("{tags: [\"**\"], remove: [{older_than: 30d}], keep: [{within: 10d}]}"), "no-effect", "keeps nothing that older_than: 30d"},
		"keep is stronger":   {oneRule("{tags: [\"**\"], remove: [{older_than: 10d}], keep: [{within: 30d}]}"), "contradiction", "removes nothing younger"},
		"newest and beyond":  {oneRule("{tags: [\"**\"], remove: [{beyond: 3}], keep: [{newest: 5}]}"), "contradiction", "write the larger number"},
		"never claimed":      {oneRule("{tags: [\"dev-*\"], remove: [{older_than: 1d}], keep: [{tags: [prod]}]}"), "cannot-hold", "the tag prod"},
		"untagged with tags": {oneRule("{untagged: true, remove: [{older_than: 1d}], keep: [{tags: [\"v*\"]}]}"), "cannot-hold", "untagged roots only"},
		"no remove":          {oneRule("{tags: [a], keep: [{newest: 1}]}"), "no-effect", "has no remove condition"},
		"only a pattern":     {oneRule("{tags: [\"**\"], remove: [{everything: true}], keep: [{tags: [\"v*\"]}]}"), "only-a-pattern", "add newest or within"},
		"minutes":            {oneRule("{tags: [\"**\"], remove: [{older_than: 30m}]}"), "short", "m stands for minutes, mo for months"},
		"minutes inside":     {oneRule("{tags: [\"**\"], remove: [{any: [{older_than: 30m}, {tags: [x]}]}]}"), "short", "30m"},
		"both ways":          {oneRule("{tags: [\"**\"], remove: [{tags: [\"v1*\"], not: {tags: [\"v*\"]}}]}"), "contradiction", "is never true"},
	} {
		found := false
		warnings := parse(t, c.text).Warnings()
		for _, w := range warnings {
			found = found || w.Code == c.code && strings.Contains(w.Message, c.want)
		}
		if !found {
			t.Errorf("%s: %+v", name, warnings)
		}
	}
}

func TestLintIsQuiet(t *testing.T) {
	for _, text := range []string{
		request, tenRules,
		oneRule("{tags: [\"**\"], remove: [{everything: true}], keep: [{newest: 5}, {tags: [\"v*\"]}]}"),
		oneRule("{tags: [\"!latest\"], untagged: true, remove: [{not_pulled_for: 90d}]}"),
		"version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - {tags: [\"*\", \"!v*\"], remove: [{older_than: 1d}]}\n      - {tags: [\"**\"], remove: [{older_than: 1y}]}\n",
	} {
		if warnings := parse(t, text).Warnings(); len(warnings) > 0 {
			t.Errorf("%s\n%+v", text, warnings)
		}
	}
}
