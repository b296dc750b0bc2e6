package policy

import (
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
)

func named(tags ...string) *inventory.Repository {
	repo := &inventory.Repository{Name: "team/app"}
	w := world{repo}
	for _, tag := range tags {
		w.tag(tag, "")
	}
	return repo
}

func TestWantOnlyWhatCouldMatter(t *testing.T) {
	keepFive := parse(t, request)
	for _, c := range []struct {
		name  string
		repo  *inventory.Repository
		graph bool
	}{
		{"as many tags as are kept", named("a", "b", "c", "d", "e"), false},
		{"one more", named("a", "b", "c", "d", "e", "f"), true},
		{"attachments use no place", named("a", "b", "c", "d", "e", "sha256-"+sha("a").Hex()+".sig"), false},
		{"nothing", named(), false},
	} {
		if got := keepFive.Want(c.repo).Graph; got != c.graph {
			t.Errorf("%s: Graph %v", c.name, got)
		}
	}
	if parse(t, oneRule("{tags: [\"v*\"], remove: [{older_than: 1d}]}")).Want(named("a", "b")).Graph {
		t.Error("no rule claims anything, and the graph is wanted")
	}
	untagged := parse(t, oneRule("{tags: [\"**\"], untagged: true, remove: [{older_than: 1d}], keep: [{newest: 9}]}")).Want(named("a"))
	if !untagged.Graph || !untagged.Untagged {
		t.Error("untagged roots may go and are not asked for")
	}
	orphans := parse(t, "version: 1\nattachments: {orphans: remove}\n"+request[len("version: 1\n"):]).Want(named("a"))
	if !orphans.Graph || !orphans.Orphans {
		t.Error("orphans may go and are not asked for")
	}
}

func TestWantConfigsThatMatter(t *testing.T) {
	p := parse(t, `version: 1
floor: 0
policies:
  - repositories: ["**"]
    rules:
      - {tags: ["v*"], remove: [{older_than: 1d}], keep: [{newest: 3}]}
      - {tags: ["x*"], remove: [{tags: ["x1"]}]}
      - {tags: ["l*"], remove: [{labels: {a: b}}]}
      - {tags: ["**"]}
`)
	repo := named("v1", "v2", "v3", "v4", "x1", "l1", "other")
	w := p.Want(repo)
	for tag, config := range map[string]bool{"v1": true, "x1": false, "l1": true, "other": false, "": false} {
		if w.Config(tag) != config {
			t.Errorf("config of %q: %v", tag, !config)
		}
	}
	floored := parse(t, oneRule("{tags: [\"**\"], remove: [{tags: [\"v*\"]}]}")).Want(named("v1"))
	if !floored.Config("v1") {
		t.Error("the floor has to find the newest image, and knows no time")
	}
	// Where the listing tells push times, nobody needs the build time.
	for i := range repo.Tags {
		repo.Tags[i].Digest, repo.Tags[i].Pushed = sha(repo.Tags[i].Name), days(float64(i))
	}
	if w := p.Want(repo); w.Config("v1") || !w.Config("l1") {
		t.Error("the listing told the push times")
	}
	if w := p.Want(named("v1", "v2", "v3", "l1")); w.Config("v1") {
		t.Error("all of the rule stays, and configs are wanted")
	}
}

// A registry that told digest and push time of every tag is judged without
// manifests.
func TestListingIsEnough(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"a", "b", "c"} {
		digest := sha(tag)
		w.tag(tag, digest).Pushed = days(float64(20 + 10*i))
		w.repo.Manifests[digest] = &inventory.Manifest{Digest: digest}
	}
	p := parse(t, oneRule("{tags: [\"**\"], remove: [{older_than: 25d}], keep: [{newest: 2}]}"))
	want(t, p.Evaluate(w.repo, nil, now), map[string]string{"a": "keep newest", "b": "keep newest", "c": "remove older-than"})
	w.repo.Depth = inventory.Names
	for tag, verdict := range verdicts(p.Evaluate(w.repo, nil, now)) {
		if verdict[:6] == "remove" {
			t.Errorf("%s goes on names alone: %s", tag, verdict)
		}
	}
}
