package foreign

import (
	"fmt"
	"testing"
)

// More of the vendors' own documented examples, with the outcome that the
// documentation names.

func ecrImages(pushed []float64, tags ...[]string) *world {
	w := &world{repository: "app"}
	for i := range tags {
		w.images = append(w.images, &image{name: string(rune('A' + i)), tags: tags[i], pushed: ago(pushed[i])})
	}
	return w
}

func ecrRules(rules ...string) string {
	text := ""
	for i, selection := range rules {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf(`{"rulePriority": %d, "description": "Rule %d", "selection": {%s}, "action": {"type": "expire"}}`, i+1, i+1, selection)
	}
	return `{"rules": [` + text + `]}`
}

// The user guide, "Examples of lifecycle policies". An image that expires there
// loses here the tags for which the import can say so, and never an image that
// stays there.
func TestECRUserGuide(t *testing.T) {
	days := []float64{10, 9, 8}
	multiple := ecrImages(days, []string{"beta-1", "prod-1"}, []string{"beta-2", "prod-2"}, []string{"beta-3"})
	const beta, prod = `"tagStatus": "tagged", "tagPrefixList": ["beta"], "countType": "imageCountMoreThan", "countNumber": 1`, `"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1`
	// Image age: untagged images older than 14 days.
	expect(t, "ecr", ecrRules(`"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14`),
		ecrImages([]float64{15, 13, 20}, nil, nil, []string{"tagged"}), "A")
	// Multiple rules, example B: images A and B are expired.
	expect(t, "ecr", ecrRules(beta, prod), multiple, "beta-1", "beta-2")
	// Several tags in one rule, example A: image C is expired.
	several := ecrImages([]float64{12, 11, 10, 4, 3, 2}, []string{"alpha-1"}, []string{"beta-1"}, []string{"alpha-2", "beta-2"}, []string{"alpha-3"}, []string{"beta-3"}, []string{"alpha-4", "beta-4"})
	const both = `"tagStatus": "tagged", "tagPrefixList": ["alpha", "beta"], `
	expect(t, "ecr", ecrRules(both+`"countType": "sinceImagePushed", "countNumber": 5, "countUnit": "days"`), several, "alpha-2", "beta-2")
	// Example B: images A and B are expired. A rule of regkeep cannot rank only
	// images that have all of the tags, so the rule is dropped, and said to be.
	result := expect(t, "ecr", ecrRules(both+`"countType": "imageCountMoreThan", "countNumber": 1`),
		ecrImages(days, []string{"alpha-1", "beta-1", "gamma-1"}, []string{"alpha-2", "beta-2"}, []string{"alpha-3", "beta-3", "gamma-2"}))
	if !has(result.Notes, Dropped, "rules[0]") || !result.Incomplete() {
		t.Errorf("notes %v", result.Notes)
	}
}

// The README of acr-cli, "Filter flag".
func TestACRFilterTable(t *testing.T) {
	w := at("app", map[string]float64{"hello-world": 9, "hello": 9, "my-hello-world-1": 9, "world": 9, "helloworld": 1, "other": 9})
	for filter, want := range map[string][]string{
		"app:^hello.*":    {"hello", "hello-world"},
		`app:\w*world\b`:  {"hello-world", "my-hello-world-1", "world"},
		"app:hello-world": {"hello-world", "my-hello-world-1"},
	} {
		expect(t, "acr", `acr purge --registry example --filter "`+filter+`" --ago 7d`, w, want...)
	}
	expect(t, "acr", `acr purge --registry example --filter "app:.*" --ago 1h15m`, at("app", map[string]float64{"old": 0.1, "new": 0.01}), "old")
}

// The documentation of cleanup policies: where a delete and a keep policy match,
// the keep policy applies, and a keep policy alone deletes nothing.
func TestGARKeepBeatsDelete(t *testing.T) {
	w := at("project/repo/app", map[string]float64{"v1": 100, "v2": 90, "v3": 80, "v4": 10})
	const all, recent = `{"name": "delete-old", "action": {"type": "Delete"}, "condition": {"tagState": "any", "olderThan": "30d"}}`,
		`{"name": "keep-recent", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 2}}`
	expect(t, "gar", "["+all+"]", w, "v1", "v2", "v3")
	expect(t, "gar", "["+all+", "+recent+"]", w, "v1", "v2")
	expect(t, "gar", "["+recent+"]", w)
	expect(t, "gar", `[`+all+`, {"name": "keep-v1", "action": {"type": "Keep"}, "condition": {"tagState": "tagged", "tagPrefixes": ["v1"]}}]`, w, "v2", "v3")
}
