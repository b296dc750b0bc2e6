package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
)

// countsOf names what a policy counts in a world: kind, line, text and numbers.
func countsOf(p *Policy, report Report) []string {
	var all []string
	for n, c := range p.Counted() {
		found := report.Counts[n]
		text := fmt.Sprintf("%s %d %s: %d", c.Kind, c.Line, c.Text, found.Matched)
		if found.Unknown > 0 {
			text += fmt.Sprintf(" unknown %d", found.Unknown)
		}
		if found.Taken {
			text += " taken"
		}
		all = append(all, text)
	}
	return all
}

func TestCountsSayWhatEveryLineMatches(t *testing.T) {
	w := newWorld()
	w.image("a", days(100), "v1.0.0", "v1.0.1", "prod").Labels = map[string]string{"hold": "true"}
	w.image("b", days(90), "v2.0.0", "dev-1")
	w.image("c", days(80), "dev-2")
	p := parse(t, `version: 1
protect:
  - tags: ["prod", "stage"]
policies:
  - repositories: ["team/**"]
    rules:
      - tags: ["v*", "!v0.*", "!v2.*"]
        remove: [{older_than: 30d, not: {tags: ["v1.0.1", "v1.1.*"]}}]
        keep: [{labels: {hold: "true"}}, {image_tags: {any: [prod, "dev-*"], none: ["x*"]}}]
      - tags: ["/v1.*/"]
      - tags: ["dev-*"]
        remove: [{tags: ["*", "!dev-2"]}]
  - repositories: ["**"]
    rules: [{tags: ["**"]}]
`)
	got := countsOf(p, p.Evaluate(w.repo, nil, now))
	want := []string{
		"item 3 {tags: [prod, stage]}: 0", "pattern 3 prod: 1", "pattern 3 stage: 0",
		"policy 5 [team/**]: 1", "rule 7 [v*, !v0.*, !v2.*]: 2", "pattern 7 !v0.*: 0", "pattern 7 !v2.*: 1",
		"item 8 {older_than: 30d, not: {tags: [v1.0.1, v1.1.*]}}: 0", "pattern 8 v1.0.1: 1", "pattern 8 v1.1.*: 0",
		"item 9 {labels: {hold: [true]}}: 2", `condition 9 labels: {hold: [true]}: 2`,
		"item 9 {image_tags: {any: [prod, dev-*], none: [x*]}}: 0", "pattern 9 prod: 1", "pattern 9 dev-*: 2",
		"rule 10 [/v1.*/]: 0 taken", "rule 11 [dev-*]: 2", "item 12 {tags: [*, !dev-2]}: 1", "pattern 12 !dev-2: 1",
		"policy 13 [**]: 0 taken", "rule 14 [**]: 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// What was not read is unknown, not absent.
	for _, m := range w.repo.Manifests {
		m.ConfigProblem = "503"
	}
	if got := countsOf(p, p.Evaluate(w.repo, nil, now)); !slices.Contains(got, "condition 9 labels: {hold: [true]}: 0 unknown 2") {
		t.Errorf("%q", got)
	}
	// Names are enough for names.
	names := &inventory.Repository{Registry: w.repo.Registry, Name: w.repo.Name, Depth: inventory.Names}
	for _, tag := range w.repo.Tags {
		names.Tags = append(names.Tags, inventory.Tag{Name: tag.Name})
	}
	if got := countsOf(p, p.Evaluate(names, nil, now)); !slices.Contains(got, "pattern 3 prod: 1") || !slices.Contains(got, "pattern 3 stage: 0") {
		t.Errorf("%q", got)
	}
}

func TestARuleThatCanTellNothingHasNothingSettled(t *testing.T) {
	w := newWorld()
	w.image("a", days(100), "a")
	w.image("b", days(90), "b")
	p := parse(t, oneRule("{tags: [\"**\"], remove: [{not_pulled_for: 90d}], keep: [{newest: 1}]}"))
	report := p.Evaluate(w.repo, nil, now)
	for n, c := range p.Counted() {
		if c.Kind == CountRule && (report.Counts[n] != Count{Matched: 2, Unknown: 1, Missing: "age"}) {
			t.Errorf("%+v", report.Counts[n])
		}
	}
}

// The key of a place survives what is written elsewhere in the file, and no two
// places that mean another thing have one key.
func TestCountedKeysStandForWhatIsWritten(t *testing.T) {
	keys := func(text string) map[string]string {
		found := map[string]string{}
		for _, c := range parse(t, text).Counted() {
			found[c.Key] = string(c.Kind) + " " + c.Text
		}
		return found
	}
	rule := func(more string) string {
		return "version: 1\nprotect: [{tags: [prod]}" + more + "]\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - {tags: [\"v*\"], remove: [{older_than: 30d}], keep: [{tags: [\"v1*\"]}]}\n"
	}
	before, after := keys(rule("")), keys(rule(`, {tags: [stage]}`)+"      - {tags: [a]}\n")
	for key, text := range before {
		if after[key] != text {
			t.Errorf("%s is lost", key)
		}
	}
	if len(before) != 7 || len(after) != 10 {
		t.Errorf("%d and %d keys: %v", len(before), len(after), after)
	}
}

// Counts follow from the verdicts, whatever the policy.
func TestCountsAgreeWithVerdicts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := genWorld(t), genDraft(t).policy(t)
		report := p.Evaluate(w.repo, genEvidence(t, w), now)
		claimed, decided := 0, map[string]int{}
		for _, d := range report.Decisions {
			if d.Reasons[0].Code != CodeNoRule {
				claimed++
			}
			if d.Verdict != Hold {
				decided[d.Reasons[0].Rule]++
			}
		}
		rules := 0
		for n, c := range p.Counted() {
			found := report.Counts[n]
			switch c.Kind {
			case CountRule:
				rules += found.Matched
			case CountItem:
				if found.Matched != decided[c.Path] {
					t.Errorf("%s decides %d, counted %d", c.Path, decided[c.Path], found.Matched)
				}
			}
			if found.Matched < 0 || found.Matched > max(1, len(report.Decisions)) {
				t.Errorf("%s: %d of %d", c.Key, found.Matched, len(report.Decisions))
			}
		}
		if rules != claimed {
			t.Errorf("rules claim %d, counted %d", claimed, rules)
		}
	})
}
