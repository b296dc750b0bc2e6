package inventory_test

import (
	"context"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// A second scan costs one HEAD per tag; a tag that is new costs one GET.
func TestWhatIsAtHandIsLookedUpAndNotFetched(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	for i, name := range []string{"a", "b", "c"} {
		app.Tag(name, app.Image(world.Image{Created: days(i)}))
	}
	r := memory.Load(w, memory.Options{})
	cache := wrap.NewMemory(1 << 20)
	scan := func(known ...string) *inventory.Repository {
		reader := wrap.NewCache(r.Reader(), cache)
		s := inventory.NewScanner(reader, describe(t, reader), inventory.Options{Recall: func(_ context.Context, _ string, tags []inventory.Tag) []bool {
			recalled := make([]bool, len(tags))
			for i := range tags {
				recalled[i] = slices.Contains(known, tags[i].Name)
			}
			return recalled
		}})
		r.Forget()
		return only(t, s, configs)
	}
	scan()
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 3, call.Blob: 3})
	repo := scan("a", "b", "c")
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Head: 3})
	for _, root := range repo.Roots() {
		if root.Manifest == nil || root.Manifest.Created.IsZero() {
			t.Errorf("nothing is known of %s", root.Name())
		}
	}
	scan("a", "b")
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Head: 2, call.Manifest: 1})
}

// A cache cannot know that something has been deleted, so what an orphan
// belonged to is looked for in the registry.
func TestACacheHidesNoOrphans(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	subject := app.Image(world.Image{Created: days(3)})
	app.Tag("image", subject)
	app.Tag("sbom", app.Artifact(world.Artifact{Type: "application/spdx+json", Subject: subject}))
	orphans := demand(func(*inventory.Repository) inventory.Want { return inventory.Want{Graph: true, Orphans: true} })
	cache := wrap.NewMemory(1 << 20)
	scan := func() *inventory.Repository {
		r := memory.Load(w, memory.Options{})
		reader := wrap.NewCache(r.Reader(), cache)
		none := func(context.Context, string, []inventory.Tag) []bool { return nil }
		return only(t, inventory.NewScanner(reader, describe(t, reader), inventory.Options{Recall: none}), orphans)
	}
	if m := scan().Manifests[subject.Digest]; m == nil || !m.Read {
		t.Fatalf("the subject is %+v", m)
	}
	delete(app.Tags, "image")
	delete(app.Manifests, subject.Digest)
	if m := scan().Manifests[subject.Digest]; m == nil || !m.Missing {
		t.Errorf("a deleted subject is %+v", m)
	}
}
