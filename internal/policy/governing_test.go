package policy

import (
	"strings"
	"testing"
)

func TestFirstPolicyAndFirstRule(t *testing.T) {
	p := parse(t, `version: 1
policies:
  - repositories: ["base/**"]
    rules: [{tags: ["**"]}]
  - repositories: ["team/*"]
    rules:
      - {tags: ["v*"], remove: [{older_than: 1y}]}
      - {tags: ["*"], remove: [{older_than: 1d}]}
`)
	w := newWorld()
	w.image("a", days(100), "v1", "x")
	w.image("b", days(1), "z")
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"v1": "keep not-due", "x": "remove older-than", "z": "keep not-due"})
	w.repo.Name = "base/x/y"
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"v1": "keep not-due", "x": "keep not-due", "z": "keep not-due"})
	w.repo.Name = "team/a/b"
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"v1": "keep no-policy", "x": "keep no-policy", "z": "keep no-policy"})
	if p.Matches("team/a/b") || !p.Matches("team/a") {
		t.Error("Matches disagrees with Evaluate")
	}
}

func TestLimitOfRemovals(t *testing.T) {
	w := newWorld()
	for _, tag := range []string{"a", "b", "c"} {
		w.image(tag, days(50), tag)
	}
	w.image("n", days(1), "n")
	text := strings.Replace(request[:strings.Index(request, "        keep")], "policies", "max_removals: 2\npolicies", 1)
	if r := parse(t, text).Evaluate(w.repo, nil, now); len(r.Refusals) != 1 || r.Refusals[0].Lift != "max_removals" {
		t.Errorf("%+v", r.Refusals)
	}
	if r := parse(t, strings.Replace(text, "2", "3", 1)).Evaluate(w.repo, nil, now); len(r.Refusals) != 0 {
		t.Errorf("%+v", r.Refusals)
	}
}
