package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

const watchedPolicy = `version: 1
protect: [{tags: ["release-*"]}]
policies:
  - repositories: ["**"]
    rules:
      - {tags: ["pr-*"], remove: [{older_than: 7d}]}
      - {tags: ["v*"], remove: [{not_pulled_for: 90d}], keep: [{tags: ["v9*"]}]}
      - {tags: ["**"], remove: [{older_than: 30d}], keep: [{newest: 3}]}
`

// watching is a watch on registry r that has seen these tags.
func watching(t *testing.T, whole bool, tags string) *watch {
	t.Helper()
	rules, err := policy.Parse("policy.yaml", []byte(watchedPolicy))
	if err != nil {
		t.Fatal(err)
	}
	w := newWatch(rules)
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	repo := &inventory.Repository{Registry: "r", Name: "shop/cart", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}
	for i, tag := range strings.Fields(tags) {
		m := &inventory.Manifest{Digest: oci.FromBytes([]byte(tag)), MediaType: oci.MediaTypeImage, Kind: oci.KindImage, Read: true}
		repo.Manifests[m.Digest] = m
		pushed := at.Add(-time.Duration(i+1) * time.Hour)
		if tag[0] == 'v' {
			pushed = at.AddDate(0, 0, -100)
		}
		repo.Tags = append(repo.Tags, inventory.Tag{Name: tag, Digest: m.Digest, Pushed: pushed})
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) })
	report := rules.Evaluate(repo, nil, at)
	w.scope("r", whole).add(repo, &report)
	return w
}

func many(pattern string, n int) string {
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf(pattern, i))
	}
	return strings.Join(tags, " ")
}

// before is what a watch leaves for the next one.
func before(w *watch, was memory) memory {
	left := memory{"r": {}}
	for _, m := range w.remember("r", was["r"]) {
		left["r"][m.Condition] = m.Roots
	}
	return left
}

func codes(warnings []policy.Warning) string {
	var all []string
	for _, w := range warnings {
		all = append(all, w.Code+" "+w.Scope)
	}
	return strings.Join(all, ", ")
}

func TestWhatAPolicyDoesNotMatchIsWarnedOf(t *testing.T) {
	const all = "release-1 pr-1 v1 v9 main"
	full := before(watching(t, true, all+" "+many("release-%d", 20)[len("release-0 release-1"):]), nil)
	for name, c := range map[string]struct {
		whole  bool
		tags   string
		before memory
		want   string
	}{
		"all matches":                       {true, all + " " + many("release-%d", 20)[len("release-0 release-1"):], full, "never-decides policies[0].rules[1]"},
		"never matched":                     {true, "pr-1 v1 main", nil, "matches-nothing protect[0], never-decides policies[0].rules[1], matches-nothing policies[0].rules[1].keep[0]"},
		"only part was looked at":           {false, "pr-1 main", full, ""},
		"nothing at all is there":           {true, "", full, ""},
		"a shield is gone":                  {true, "pr-1 v9 main", full, "matches-fewer protect[0]"},
		"far fewer":                         {true, "release-1 release-2 pr-1 v9 main", full, "matches-fewer protect[0]"},
		"half is not far":                   {true, many("release-%d", 10) + " pr-1 v9 main", full, ""},
		"what only removes may run out":     {true, many("release-%d", 20) + " v9 main", full, ""},
		"what never had anything may not":   {true, many("release-%d", 20) + " v9 main", nil, "claims-nothing policies[0].rules[0]"},
		"a rule that keeps lost all it had": {true, many("release-%d", 20) + " pr-1 main", full, "matches-fewer policies[0].rules[1]"},
		"a rule may shrink":                 {true, many("release-%d", 20) + " pr-1 v9", full, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := codes(watching(t, c.whole, c.tags).warnings(c.before, nil)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnotherConfiguredRegistryMayBeWhatALineIsFor(t *testing.T) {
	w := watching(t, true, "pr-1 v9 main")
	was := memory{"other": {}}
	for _, c := range w.rules.Counted() {
		was["other"][c.Key] = 5
	}
	if got := codes(w.warnings(was, []string{"other"})); got != "" {
		t.Error(got)
	}
	if got := codes(w.warnings(was, nil)); got != "matches-nothing protect[0]" {
		t.Error(got)
	}
}

// A fall stays one until somebody agrees, and what was not seen whole is not
// remembered.
func TestWhatIsRemembered(t *testing.T) {
	first := before(watching(t, true, many("release-%d", 20)+" main"), nil)
	key := "protect protect pattern release-*"
	if first["r"][key] != 20 {
		t.Fatalf("%v", first)
	}
	fallen := watching(t, true, "release-1 main")
	second := before(fallen, first)
	if second["r"][key] != 20 || codes(fallen.warnings(second, nil)) != codes(fallen.warnings(first, nil)) {
		t.Errorf("%v", second)
	}
	if slowly := before(watching(t, true, many("release-%d", 12)+" main"), first); slowly["r"][key] != 12 {
		t.Errorf("%v", slowly)
	}
	if part := watching(t, false, many("release-%d", 20)).remember("r", nil); part != nil {
		t.Errorf("%v", part)
	}
	for _, m := range fallen.remember("r", first["r"]) {
		if m.Condition == key && m.Latest != 1 {
			t.Errorf("%+v", m)
		}
	}
}
