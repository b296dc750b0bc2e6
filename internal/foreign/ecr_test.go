package foreign

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func starMatch(p, name string) bool {
	parts := strings.Split(p, "*")
	if len(parts) == 1 {
		return p == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

func (r ecrRule) selects(one *image) bool {
	switch r.Selection.Status {
	case "untagged":
		return len(one.tags) == 0
	case "any":
		return true
	}
	for _, p := range r.Selection.Prefixes {
		if !one.anyOf(func(tag string) bool { return strings.HasPrefix(tag, p) }) {
			return false
		}
	}
	for _, p := range r.Selection.Patterns {
		if !one.anyOf(func(tag string) bool { return starMatch(p, tag) }) {
			return false
		}
	}
	return len(one.tags) > 0
}

// ecrRemoves follows the evaluation rules of the user guide.
func ecrRemoves(rules []ecrRule, w *world) map[string]bool {
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b ecrRule) int { return a.Priority - b.Priority })
	var gone []*image
	for i, r := range rules {
		var selected []*image
		for _, one := range w.images {
			if r.selects(one) {
				selected = append(selected, one)
			}
		}
		kept := newest(selected, r.Selection.Number, func(one *image) time.Time { return one.pushed })
		for _, one := range selected {
			last := one.pushed
			if r.Selection.Count == "sinceImagePulled" && one.pulled.After(last) {
				last = one.pulled
			}
			due := now.Sub(last) > time.Duration(r.Selection.Number)*day
			if r.Selection.Count == "imageCountMoreThan" {
				due = !slices.Contains(kept, one)
			}
			owned := slices.ContainsFunc(rules[:i], func(higher ecrRule) bool { return higher.selects(one) })
			if due && !owned && r.Action.Type == "expire" {
				gone = append(gone, one)
			}
		}
	}
	return removedImages(gone...)
}

func genECR(t *rapid.T) []ecrRule {
	var rules []ecrRule
	for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
		r := ecrRule{Priority: rapid.Permutation([]int{1, 2, 3, 4}).Draw(t, "priority")[0]*10 + i, Description: "x: # {"}
		r.Selection.Status = rapid.SampledFrom([]string{"tagged", "tagged", "tagged", "untagged", "any"}).Draw(t, "status")
		if r.Selection.Status == "tagged" {
			n := rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "entries")
			if rapid.Bool().Draw(t, "prefixes") {
				r.Selection.Prefixes = rapid.SliceOfN(rapid.SampledFrom([]string{"prod", "dev-", "v1", "p"}), n, n).Draw(t, "prefixes")
			} else {
				r.Selection.Patterns = rapid.SliceOfN(rapid.SampledFrom([]string{"*prod*", "dev-*", "x", "*-1*", "v*.0"}), n, n).Draw(t, "patterns")
			}
		}
		r.Selection.Count = rapid.SampledFrom([]string{"imageCountMoreThan", "sinceImagePushed", "sinceImagePulled"}).Draw(t, "count")
		r.Selection.Number = rapid.SampledFrom([]int{1, 2, 3, 7, 30}).Draw(t, "number")
		if r.Selection.Count != "imageCountMoreThan" {
			r.Selection.Unit = "days"
		}
		r.Action.Type = rapid.SampledFrom([]string{"expire", "expire", "expire", "transition"}).Draw(t, "action")
		rules = append(rules, r)
	}
	return rules
}

func TestECRRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	rapid.Check(t, func(t *rapid.T) {
		rules, w := genECR(t), genWorld(t)
		c.subset(t, "ecr", marshal(ecrPolicy{rules}), w, ecrRemoves(rules, w))
	})
	c.told(t, 0.2)
}

// Examples of the user guide, "Examples of lifecycle policies in Amazon ECR".
func TestECRExamples(t *testing.T) {
	expect(t, "ecr", `{"rules": [{"rulePriority": 1, "description": "Expire images older than 14 days", "selection": {"tagStatus": "tagged", "tagPatternList": ["prod*"],
		"countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]}`,
		at("app", map[string]float64{"prod1": 15, "prod2": 14, "dev": 100}), "prod1")
	expect(t, "ecr", `{"rules": [{"rulePriority": 1, "description": "Keep only one untagged image, expire all others", "selection": {"tagStatus": "untagged",
		"countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}`,
		&world{repository: "app", images: []*image{{name: "a", pushed: ago(1)}, {name: "b", pushed: ago(2)}, {name: "c", tags: []string{"c"}, pushed: ago(3)}}}, "b")

	// "Filtering on multiple rules", example A: the image that both rules select
	// belongs to the rule with the lower number.
	expect(t, "ecr", `{"rules": [
		{"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
		{"rulePriority": 2, "selection": {"tagStatus": "tagged", "tagPrefixList": ["beta"], "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}`,
		&world{repository: "app", images: []*image{
			{name: "A", tags: []string{"beta-1", "prod-1"}, pushed: ago(3)},
			{name: "B", tags: []string{"beta-2", "prod-2"}, pushed: ago(2)},
			{name: "C", tags: []string{"beta-3"}, pushed: ago(1)},
		}}, "prod-1")
}

func TestECRSaysWhatIsDropped(t *testing.T) {
	result := expect(t, "ecr", `{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90},
		"action": {"type": "transition", "targetStorageClass": "archive"}}]}`, at("app", map[string]float64{"a": 400, "b": 400}))
	if !has(result.Notes, Dropped, "rules[0]") || !result.Incomplete() {
		t.Errorf("notes %v", result.Notes)
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, bad := range []string{
		``, `{`, `{"rules": []}`, `{"rules": [{"rulePriority": 1, "whatever": 2}]}`, `{"rules": 3}`,
		"{\n\"rules\": [{\"rulePriority\": 1, \"selection\": {\"tagStatus\": \"purple\"}, \"action\": {\"type\": \"expire\"}}]}",
	} {
		if _, err := Import("ecr", []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "ecr: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Import("nope", nil); err == nil || !strings.Contains(err.Error(), "ecr") {
		t.Error(err)
	}
}
