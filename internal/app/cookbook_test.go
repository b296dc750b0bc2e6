package app

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/policy"
)

const cookbook = "../../docs/cookbook"

// recipesOfThePage are the policies of the cookbook as docs/policy.md shows
// them, by the name of the file of cases that stands below each.
func recipesOfThePage(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Cookbook\n")
	section, _, _ = strings.Cut(section, "\n## ")
	found := map[string]string{}
	for _, part := range strings.Split(section, "\n### ")[1:] {
		title, _, _ := strings.Cut(part, "\n")
		_, block, _ := strings.Cut(part, "```yaml\n")
		block, below, _ := strings.Cut(block, "```")
		link := regexp.MustCompile(`\(cookbook/([a-z-]+\.test\.yaml)\)`).FindStringSubmatch(below)
		if block == "" || link == nil {
			t.Fatalf("%s has no policy or names no cases", title)
		}
		found[link[1]] = block
	}
	return found
}

// runRecipe runs a file of cases of the cookbook on a policy and returns what
// differs.
func runRecipe(t *testing.T, cases, rules string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cookbook, cases))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string]string{cases: string(text), strings.Replace(cases, ".test.", ".", 1): rules} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results, err := TestPolicy(t.Context(), filepath.Join(folder, cases))
	if err != nil {
		t.Fatal(err)
	}
	var misses []string
	for _, result := range results {
		for _, miss := range result.Misses {
			misses = append(misses, result.Name+": "+miss.Repository+" "+miss.Tag+": want "+miss.Want+", got "+miss.Got.Verdict)
		}
	}
	return misses
}

func TestCookbookDoesWhatItsCasesSay(t *testing.T) {
	recipes := recipesOfThePage(t)
	for cases, rules := range recipes {
		for _, miss := range runRecipe(t, cases, rules) {
			t.Errorf("%s: %s", cases, miss)
		}
	}
	files, err := filepath.Glob(filepath.Join(cookbook, "*.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if named := slices.Sorted(maps.Keys(recipes)); !slices.Equal(named, files) {
		t.Errorf("docs/policy.md names the cases %v, and there are %v", named, files)
	}
}

// The cases of a recipe must notice when one of its numbers is another, when a
// condition is missing or when a pattern matches everything.
func TestCasesOfTheCookbookNoticeChanges(t *testing.T) {
	numbers := regexp.MustCompile(`[0-9]+`)
	parts := regexp.MustCompile(`, \{[^{}]*\}|\n +- [^\n]*\}|\nprotect: [^\n]+|, by: [^\n]*|"[^"\n]+"`)
	for cases, rules := range recipesOfThePage(t) {
		tried := 0
		change := func(from, to int, with string) {
			changed := rules[:from] + with + rules[to:]
			if _, err := policy.Parse("changed.yaml", []byte(changed)); err != nil {
				return
			}
			tried++
			if len(runRecipe(t, cases, changed)) == 0 {
				t.Errorf("%s: nothing is said of %q instead of %q in\n%s", cases, with, rules[from:to], rules)
			}
		}
		for _, at := range numbers.FindAllStringIndex(rules, -1) {
			n, err := strconv.Atoi(rules[at[0]:at[1]])
			if err != nil || n < 2 || strings.ContainsAny(rules[at[0]-1:at[0]], "-[{") { // one of a pattern
				continue
			}
			change(at[0], at[1], strconv.Itoa(n-1))
			change(at[0], at[1], strconv.Itoa(n+1))
		}
		for _, at := range parts.FindAllStringIndex(rules, -1) {
			switch written := rules[at[0]:at[1]]; {
			case written == `"**"`:
			case written[0] == '"':
				change(at[0], at[1], `"**"`)
			default:
				change(at[0], at[1], "")
			}
		}
		if tried < 4 {
			t.Errorf("%s: only %d changes were tried", cases, tried)
		}
	}
}
