package policy

import (
	"slices"
	"strings"
	"testing"
)

// governs is a file of policies with these repositories.
func governs(repositories ...string) string {
	text := "version: 1\npolicies:\n"
	for _, patterns := range repositories {
		text += "  - {repositories: [" + patterns + "], rules: [{tags: [a]}]}\n"
	}
	return text
}

// inRules is a policy of several rules, the first on line 5.
func inRules(rules ...string) string {
	text := "version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n"
	for _, rule := range rules {
		text += "      - {" + rule + "}\n"
	}
	return text
}

// Each policy is warned of, and those near to it, which a person may mean as
// they stand, are not warned of at all.
func TestLint(t *testing.T) {
	for name, c := range map[string]struct {
		text, code, want string
		near             []string
	}{
		"shadowed rule": {
			inRules(`tags: ["**"], remove: [{older_than: 1d}]`, `tags: ["v*"], remove: [{older_than: 1y}]`),
			"shadowed", "the rule on line 6 claims nothing: the one on line 5", []string{
				inRules(`tags: ["v*"], remove: [{older_than: 1y}]`, `tags: ["**"], remove: [{older_than: 1d}]`),
				inRules(`tags: ["*", "!v*"], remove: [{older_than: 1d}]`, `tags: ["v*"], remove: [{older_than: 1y}]`),
				inRules(`tags: ["**"], remove: [{older_than: 1d}]`, `tags: ["v*"], untagged: true, remove: [{older_than: 1y}]`),
			},
		},
		"shadowed by prefix": {
			inRules(`tags: ["v*"], remove: [{older_than: 1d}]`, `tags: ["v1.*"], remove: [{older_than: 1y}]`),
			"shadowed", "line 6", []string{
				inRules(`tags: ["v1.*"], remove: [{older_than: 1d}]`, `tags: ["v*"], remove: [{older_than: 1y}]`),
				inRules(`tags: ["v1.*"], remove: [{older_than: 1d}]`, `tags: ["v1.*", "v2.*"], remove: [{older_than: 1y}]`),
				inRules(`tags: ["/v.*/"], remove: [{older_than: 1d}]`, `tags: ["{v1,w}"], remove: [{older_than: 1y}]`),
			},
		},
		"shadowed by a star": {inRules(`tags: ["*"], remove: [{older_than: 1d}]`, `tags: ["**"], remove: [{older_than: 1y}]`), "shadowed", "line 6", nil},
		"shadowed literal": {
			inRules(`tags: ["/v[0-9]/"], remove: [{older_than: 1d}]`, `tags: [v1, v2], remove: [{older_than: 1y}]`),
			"shadowed", "line 6", []string{inRules(`tags: ["/v[0-9]/"], remove: [{older_than: 1d}]`, `tags: [v1, v10], remove: [{older_than: 1y}]`)},
		},
		"shadowed exception": {
			inRules(`tags: ["**"], remove: [{older_than: 1d}]`, `tags: ["!v*"], remove: [{older_than: 1y}]`),
			"shadowed", "line 6", []string{
				inRules(`tags: ["!v*"], remove: [{older_than: 1d}]`, `tags: ["**"], remove: [{older_than: 1y}]`),
				inRules(`tags: ["**", "!v*"], remove: [{older_than: 1d}]`, `tags: ["!w*"], remove: [{older_than: 1y}]`),
			},
		},
		"shadowed untagged": {
			inRules(`tags: [a], untagged: true, remove: [{older_than: 1d}]`, `untagged: true, remove: [{older_than: 1y}]`),
			"shadowed", "claims all untagged roots", []string{
				inRules(`tags: [a], remove: [{older_than: 1d}]`, `untagged: true, remove: [{older_than: 1y}]`),
				inRules(`tags: [a], untagged: true, remove: [{older_than: 1d}]`, `tags: [b], untagged: true, remove: [{older_than: 1y}]`),
			},
		},
		"shadowed policy": {governs(`"**"`, `"x/*"`), "shadowed", "the policy on line 4 never governs", []string{governs(`"x/*"`, `"**"`), governs(`"**", "!x/*"`, `"x/*"`)}},
		// A single star stops at a slash.
		"shadowed across slashes": {governs(`"team**"`, `"team-**"`), "shadowed", "line 4", []string{governs(`"*"`, `"**"`), governs(`"team*"`, `"team-**"`), governs(`"*"`, `"a/*"`)}},
		"expression": {
			inRules(`tags: ["/rc/"], remove: [{older_than: 1d}]`), "anchored", `matches "rc" alone`,
			[]string{inRules(`tags: [rc], remove: [{older_than: 1d}]`), inRules(`tags: ["/.*rc.*/"], remove: [{older_than: 1d}]`)},
		},
		"expression as glob": {
			inRules(`tags: ["/dev*/"], remove: [{older_than: 1d}]`), "anchored", "repeats the letter",
			[]string{inRules(`tags: ["/dev.*/"], remove: [{older_than: 1d}]`), inRules(`tags: ["/v[0-9]*/"], remove: [{older_than: 1d}]`), inRules(`tags: ["dev*"], remove: [{older_than: 1d}]`)},
		},
		"glob as expression": {
			inRules(`tags: ["^v1"], remove: [{older_than: 1d}]`), "anchored", "^ and $ are characters",
			[]string{inRules(`tags: ["/^v1.*$/"], remove: [{older_than: 1d}]`)},
		},
		"glob as expression at its end": {governs(`"app$"`), "anchored", "^ and $ are characters", []string{governs(`"/.*app$/"`)}},
		"two anchorings": {
			inRules(`tags: ["rc", "*rc*"], remove: [{older_than: 1d}]`), "anchored", "rc and *rc* differ only in their anchoring", []string{
				inRules(`tags: ["rc", "rc-*"], remove: [{older_than: 1d}]`),
				inRules(`tags: ["v1", "v1.*"], remove: [{older_than: 1d}]`), // the dot of a glob is a dot
				inRules(`tags: ["v1*", "!v1"], remove: [{older_than: 1d}]`),
				inRules(`tags: ["prod*", "*prod"], remove: [{older_than: 1d}]`),
				inRules(`tags: ["*", "**"], remove: [{older_than: 1d}]`),
				inRules(`tags: [rc, rc], remove: [{older_than: 1d}]`),
			},
		},
		"two anchorings of what is excepted": {inRules(`tags: ["**", "!rc", "!*rc*"], remove: [{older_than: 1d}]`), "anchored", "differ only in their anchoring", nil},
		"two anchorings of two kinds": {
			inRules(`tags: ["dev-*", "/.*dev-.*/"], remove: [{older_than: 1d}]`), "anchored", "differ only in their anchoring",
			[]string{inRules(`tags: ["dev-*", "/.*dev-[0-9]/"], remove: [{older_than: 1d}]`)},
		},
		"slash in a tag": {
			inRules(`tags: ["feature/*"], remove: [{older_than: 1d}]`), "cannot-match", "tags have no slash", []string{
				inRules(`tags: ["feature-*"], remove: [{older_than: 1d}]`), inRules(`tags: ["**/feature-*"], remove: [{older_than: 1d}]`),
				inRules(`tags: ["{a,b/c}"], remove: [{older_than: 1d}]`), inRules(`tags: ["[!/]?"], remove: [{older_than: 1d}]`), governs(`"feature/*"`),
			},
		},
		"slash behind a set":  {inRules(`tags: ["[ab]/x"], remove: [{older_than: 1d}]`), "cannot-match", "tags have no slash", nil},
		"slash before a set":  {inRules(`tags: ["x/{a,b}"], remove: [{older_than: 1d}]`), "cannot-match", "tags have no slash", nil},
		"slash in a protect":  {"protect: [{tags: [a/b]}]\n" + request, "cannot-match", "tags have no slash", []string{"protect: [{tags: [a-b]}]\n" + request}},
		"no character of one": {inRules(`tags: ["v1:2"], remove: [{older_than: 1d}]`), "cannot-match", "characters that tags cannot have", []string{inRules(`tags: [v1.2_3-4], remove: [{older_than: 1d}]`)}},
		"no character of one beside it": {
			inRules(`tags: ["**"], remove: [{older_than: 1d}], keep: [{image_tags: {any: ["-x"]}}]`), "cannot-match", "characters that tags cannot have",
			[]string{inRules(`tags: ["**"], remove: [{older_than: 1d}], keep: [{image_tags: {any: ["x-"]}}]`)},
		},
		"keep is weaker": {
			inRules(`tags: ["**"], remove: [{older_than: 30d}], keep: [{within: 10d}]`), "no-effect", "keeps nothing that older_than: 30d", []string{
				inRules(`tags: ["**"], remove: [{older_than: 30d}, {beyond: 10}], keep: [{within: 10d}]`), // of use against the other
				inRules(`tags: ["**"], remove: [{beyond: 10}], keep: [{within: 10d}]`),
				inRules(`tags: ["**"], remove: [{not_pulled_for: 30d}], keep: [{within: 10d}]`),
			},
		},
		"keep is weaker than all": {
			inRules(`tags: ["**"], remove: [{older_than: 30d, tags: ["v*"]}, {older_than: 90d}], keep: [{within: 10d}]`), "no-effect", "within: 10d on line 5 keeps nothing", nil,
		},
		"keep is stronger": {
			inRules(`tags: ["**"], remove: [{older_than: 10d}], keep: [{within: 30d}]`), "contradiction", "removes nothing younger",
			[]string{inRules(`tags: ["**"], remove: [{older_than: 10d, tags: ["pr-*"]}, {older_than: 40d}], keep: [{within: 30d, tags: ["v*"]}]`)},
		},
		"fewer newest than beyond": {
			inRules(`tags: ["**"], remove: [{beyond: 5}], keep: [{newest: 3}]`), "no-effect", "keeps nothing that beyond: 5", []string{
				inRules(`tags: ["**"], remove: [{beyond: 5}, {older_than: 90d}], keep: [{newest: 3}]`),
				inRules(`tags: ["**"], remove: [{beyond: 5}], keep: [{newest: 3, by: semver}]`),
			},
		},
		"as many newest as beyond": {inRules(`tags: ["**"], remove: [{beyond: 5}], keep: [{newest: 5}]`), "no-effect", "keeps nothing that beyond: 5", nil},
		"more newest than beyond": {
			inRules(`tags: ["**"], remove: [{beyond: 3}], keep: [{newest: 5}]`), "contradiction", "write the larger number",
			[]string{inRules(`tags: ["**"], remove: [{beyond: 3}], keep: [{newest: 5, by: pulled}]`), inRules(`tags: ["**"], remove: [{beyond: 3, tags: ["v*"]}], keep: [{newest: 5}]`)},
		},
		"removed and kept": {
			inRules(`tags: ["v*"], remove: [{tags: ["*-rc*"]}], keep: [{tags: ["*-rc*"]}]`), "contradiction", "keep wins", []string{
				inRules(`tags: ["v*"], remove: [{tags: ["*-rc*"]}], keep: [{tags: ["*-rc1"]}]`),
				inRules(`tags: ["v*"], remove: [{tags: ["*-rc*"]}], keep: [{tags: ["*-rc*"], newest: 3}]`),
			},
		},
		"never claimed": {
			inRules(`tags: ["dev-*"], remove: [{older_than: 1d}], keep: [{tags: [prod]}]`), "cannot-hold", "the tag prod",
			[]string{inRules(`tags: ["dev-*"], remove: [{older_than: 1d}], keep: [{tags: [dev-prod]}]`), inRules(`tags: ["dev-*"], remove: [{older_than: 1d}], keep: [{image_tags: {any: [prod]}}]`)},
		},
		"untagged with tags": {
			inRules(`untagged: true, remove: [{older_than: 1d}], keep: [{tags: ["v*"]}]`), "cannot-hold", "untagged roots only",
			[]string{inRules(`tags: ["**"], untagged: true, remove: [{older_than: 1d}], keep: [{tags: ["v*"]}]`)},
		},
		"untagged with versions": {
			inRules(`untagged: true, remove: [{older_than: 1d}], keep: [{semver: {newest: 3}}]`), "cannot-hold", "untagged roots only",
			[]string{inRules(`tags: ["**"], untagged: true, remove: [{older_than: 1d}], keep: [{semver: {newest: 3}}]`), inRules(`untagged: true, remove: [{older_than: 1d}], keep: [{newest: 3}]`)},
		},
		"no remove": {inRules(`tags: [a], keep: [{newest: 1}]`), "no-effect", "has no remove condition", []string{inRules(`tags: [a]`)}},
		"only a pattern": {
			inRules(`tags: ["**"], remove: [{everything: true}], keep: [{tags: ["v*"]}]`), "only-a-pattern", "add newest or within", []string{
				inRules(`tags: ["**"], remove: [{everything: true}], keep: [{newest: 5}, {tags: ["v*"]}]`),
				inRules(`tags: ["**"], remove: [{older_than: 1d}], keep: [{tags: ["v*"]}]`),
				inRules(`tags: ["**"], remove: [{everything: true, older_than: 1d}], keep: [{tags: ["v*"]}]`),
				"protect: [{in_use: true}]\n" + inRules(`tags: ["**"], remove: [{everything: true}], keep: [{tags: ["v*"]}]`),
			},
		},
		"minutes": {
			inRules(`tags: ["**"], remove: [{older_than: 30m}]`), "short", "m stands for minutes, mo for months", []string{
				inRules(`tags: ["**"], remove: [{older_than: 30mo}]`), inRules(`tags: ["**"], remove: [{older_than: 1h}]`), inRules(`tags: ["**"], remove: [{older_than: 1h30m}]`),
				inRules(`tags: ["**"], remove: [{older_than: 1d30m}]`), inRules(`tags: ["**"], remove: [{older_than: 1mo30m}]`),
			},
		},
		"minutes inside":   {inRules(`tags: ["**"], remove: [{any: [{older_than: 30m}, {tags: [x]}]}]`), "short", "30m", nil},
		"minutes negated":  {inRules(`tags: ["**"], remove: [{older_than: 1d, not: {not_pulled_for: 30m}}]`), "short", "not_pulled_for: 30m", []string{inRules(`tags: ["**"], remove: [{older_than: 1d, not: {not_pulled_for: 3h}}]`)}},
		"minutes of pulls": {inRules(`tags: ["**"], remove: [{not_pulled_for: 9m}]`), "short", "9 minutes", []string{inRules(`tags: ["**"], remove: [{not_pulled_for: 9mo}]`)}},
		"both ways": {
			inRules(`tags: ["**"], remove: [{tags: ["v1*"], not: {tags: ["v*"]}}]`), "contradiction", "is never true", []string{
				inRules(`tags: ["**"], remove: [{tags: ["v*"], not: {tags: ["v1*"]}}]`),
				inRules(`tags: ["**"], remove: [{tags: ["v1*", "w*"], not: {tags: ["v*"]}}]`),
				inRules(`tags: ["**"], remove: [{tags: ["v1*"], not: {tags: ["v*"], older_than: 1y}}]`),
			},
		},
	} {
		warnings := parse(t, c.text).Warnings()
		if !slices.ContainsFunc(warnings, func(w Warning) bool { return w.Code == c.code && strings.Contains(w.Message, c.want) }) {
			t.Errorf("%s: %+v", name, warnings)
		}
		if len(warnings) != 1 {
			t.Errorf("%s is told of more than once: %+v", name, warnings)
		}
		for _, near := range c.near {
			if warnings := parse(t, near).Warnings(); len(warnings) > 0 {
				t.Errorf("near to %s: %+v\n%s", name, warnings, near)
			}
		}
	}
}

func TestLintIsQuiet(t *testing.T) {
	for _, text := range []string{request, tenRules, inRules(`tags: ["!latest"], untagged: true, remove: [{not_pulled_for: 90d}]`)} {
		if warnings := parse(t, text).Warnings(); len(warnings) > 0 {
			t.Errorf("%s\n%+v", text, warnings)
		}
	}
}
