package cli

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
)

var (
	now  = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	then = now.Add(-45 * day)
)

func TestSentences(t *testing.T) {
	old := plan.Verdict{Created: &then, AgeFrom: "created"}
	epoch := time.Unix(0, 0).UTC()
	for _, test := range []struct {
		code  string
		facts map[string]any
		line  plan.Verdict
		want  string
	}{
		{"older-than", map[string]any{"limit": "30d"}, old, "45d old (created), more than 30d"},
		{"older-than", map[string]any{"limit": "45d"}, old, "45d0m old (created), more than 45d"},
		{"within", map[string]any{"limit": "60d"}, old, "45d old, not more than 60d"},
		{"newest", map[string]any{"limit": 5, "of": 12, "rank": 2}, old, "2nd newest of 12, the newest 5 stay"},
		{"newest", map[string]any{"limit": 5, "of": 12, "rank": 1, "group": "feature/x"}, old, "the newest of 12 in feature/x, the newest 5 stay"},
		{"newest", map[string]any{"limit": 5, "of": 3}, old, "all stay: there are no more than 5 here"},
		{"beyond", map[string]any{"limit": 5}, old, "not among the newest 5"},
		{"unknown-age", map[string]any{"unknown": "age"}, plan.Verdict{Created: &epoch}, "its age is not known: the build says 1970-01-01"},
		{"protected", map[string]any{"tag": "latest"}, old, "latest is always protected"},
		{"protected", map[string]any{"condition": "tags", "patterns": "prod*"}, old, "protected: its tag matches prod*"},
		{"tags", map[string]any{"patterns": "pr-*"}, old, "its tag matches pr-*"},
		{"tags", map[string]any{"named": ""}, old, "named on the command line"},
		{"size-over", map[string]any{"bytes": 2_000_000_000, "limit": 1_000_000_000}, old, "2.0 GB large, more than 1.0 GB"},
		{"floor", map[string]any{"floor": 1}, old, "the repository would be left with fewer than 1 image"},
		{"weekly", map[string]any{"limit": 4}, old, "the weekly image of one of the last 4 weeks"},
		{"labels", map[string]any{"team": "shop", "tier": "web"}, old, "labels: team shop, tier web"},
		{"image-tags", map[string]any{"tags": []string{"a", "b"}}, old, "by the tags of the image: a and b"},
		{"older-than", map[string]any{"not": "older_than: 30d"}, old, "not older_than: 30d"},
		{"something-new", nil, old, "something new"},
	} {
		if got := sentence(plan.Reason{Code: test.code, Facts: test.facts}, test.line, now); got != test.want {
			t.Errorf("%s: %q, want %q", test.code, got, test.want)
		}
		// A plan that was saved and read says the same.
		var read map[string]any
		text, _ := json.Marshal(test.facts)
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if got := sentence(plan.Reason{Code: test.code, Facts: read}, test.line, now); got != test.want {
			t.Errorf("%s after JSON: %q, want %q", test.code, got, test.want)
		}
	}
}

// TestEveryCodeHasASentence reads the closed list of codes from its source.
func TestEveryCodeHasASentence(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../policy/code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		literal, is := n.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING {
			return true
		}
		codes++
		code, _ := strconv.Unquote(literal.Value)
		got := sentence(plan.Reason{Code: code}, plan.Verdict{}, now)
		if strings.TrimSpace(got) == "" || strings.Contains(got, "%!") {
			t.Errorf("%s: %q", code, got)
		}
		return true
	})
	if codes < 30 {
		t.Errorf("only %d codes were found", codes)
	}
}
