package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
)

func TestExplain(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"main-1", "main-2", "main-3"} {
		w.image(tag, days(float64(40+i)), tag)
	}
	untagged := w.image("u", days(3))
	p := parse(t, `version: 1
protect: [{in_use: true}]
policies:
  - repositories: ["**"]
    rules:
      - {tags: ["v*"], remove: [{older_than: 1y}]}
      - name: builds
        tags: ["/(?P<branch>main)-.*/"]
        remove:
          - {older_than: 30d}
        keep:
          - {newest: 2, per: branch}
          - any: [{tags: [x]}, {not: {within: 90d}}]
`)
	x, found := p.Explain(w.repo, nil, now, "main-3", "")
	if !found || x.Decision.Verdict != Hold || len(x.Rules) != 2 || x.Rules[0].Claimed || !x.Rules[1].Claimed || x.Rules[1].Name != "builds" {
		t.Fatalf("%v %+v", found, x)
	}
	if len(x.Protect) != 2 || x.Protect[0].Value != Unknown || x.Protect[1].Value != False {
		t.Errorf("protect: %+v", x.Protect)
	}
	if n := x.Keep[0]; n.Value != False || n.Rank != "3rd newest of 3 in main" || n.Line != 12 || !strings.HasPrefix(n.Fact, "created 2026-05-04") {
		t.Errorf("newest: %+v", n)
	}
	if n := x.Keep[1]; n.Value != False || len(n.Inside) != 2 || n.Inside[1].Inside[0].Value != True {
		t.Errorf("any: %+v", n)
	}
	if n := x.Remove[0]; n.Value != True || n.Path != "policies[0].rules[1].remove[0]" || n.Condition != "older_than: 30d" {
		t.Errorf("older_than: %+v", n)
	}
	e := &usage.Evidence{Sources: []usage.Source{{Name: "prod", Complete: true}}}
	e.Add(w.repo.Registry, w.repo.Name, "main-3", "", usage.Witness{Source: "prod", What: "pod shop/cart"})
	x, _ = p.Explain(w.repo, e, now, "main-3", "")
	if x.Decision.Verdict != Keep || !strings.Contains(x.Protect[0].Fact, "pod shop/cart") || x.Decision.Reasons[0].Facts["what"] != "pod shop/cart" {
		t.Errorf("%+v", x)
	}
	if x, found := p.Explain(w.repo, nil, now, "", untagged.Digest); !found || x.Decision.Reasons[0].Code != CodeNoRule || len(x.Rules) != 2 {
		t.Errorf("%v %+v", found, x)
	}
	if _, found := p.Explain(w.repo, nil, now, "nope", ""); found {
		t.Error("a tag that is not there was explained")
	}
}

// What a ranking orders by is what its explanation shows.
func TestExplainSaysWhatIsOrdered(t *testing.T) {
	w := newWorld()
	w.image("a", days(3), "v1.2.0-b7")
	w.image("b", days(4), "v1.10.0-b8")
	tag := &w.repo.Tags[0]
	tag.Pushed, tag.Pulled = now.Add(-time.Hour), now.Add(-time.Minute)
	for by, want := range map[string]string{
		"age": "pushed 2026-06-15T11:00:00Z", "created": "created 2026-06-11T12:00:00Z", "pushed": "pushed 2026-06-15T11:00:00Z",
		"pulled": "last pulled or pushed 2026-06-15T11:59:00Z", "semver": "the version is 1.10.0-b8", "name": "the tag is v1.10.0-b8",
		"{captured: build}": "build is 8",
	} {
		p := parse(t, oneRule(`{tags: ["/(?P<version>v[0-9.]+-b(?P<build>[0-9]+))/"], remove: [{older_than: 1h}], keep: [{newest: 1, by: `+by+`}]}`))
		x, _ := p.Explain(w.repo, nil, now, tag.Name, "")
		if len(x.Keep) != 1 || x.Keep[0].Fact != want {
			t.Errorf("%s: %+v, want %s", by, x.Keep, want)
		}
	}
}

// Whatever Explain shows must be what Evaluate decided.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"a", "b", "c", "latest"} {
		w.image(tag, days(float64(20+9*i)), tag)
	}
	p := parse(t, request)
	for _, d := range p.Evaluate(w.repo, nil, now).Decisions {
		x, _ := p.Explain(w.repo, nil, now, d.Root.Name(), "")
		if x.Decision.Verdict != d.Verdict || x.Decision.Reasons[0].Code != d.Reasons[0].Code {
			t.Errorf("%s: %v and %v", d.Root.Name(), x.Decision, d)
		}
	}
}
