package inventory_test

import (
	"context"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
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
		s := inventory.NewScanner(reader, describe(t, reader), inventory.Options{Recall: func(context.Context, string) func([]inventory.Tag) []bool {
			return func(tags []inventory.Tag) []bool {
				recalled := make([]bool, len(tags))
				for i := range tags {
					recalled[i] = slices.Contains(known, tags[i].Name)
				}
				return recalled
			}
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

// Tags that came while the repository was read were not asked about: none of
// them is taken for one that is at hand.
func TestWhatIsListedAgainIsFetched(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	app.Tag("b", app.Image(world.Image{Created: days(1)}))
	app.Tag("c", app.Image(world.Image{Created: days(2)}))
	r := memory.Load(w, memory.Options{})
	changed := false
	r.After(func(c call.Call) {
		if c.Op != call.Tags || changed {
			return
		}
		changed = true
		r.Edit(func(w *world.World) {
			app := w.Repository("app")
			delete(app.Tags, "b")
			for i, name := range []string{"a", "d", "e"} {
				app.Tag(name, app.Image(world.Image{Created: days(3 + i)}))
			}
		})
	})
	s := inventory.NewScanner(r.Reader(), describe(t, r.Reader()), inventory.Options{Recall: func(context.Context, string) func([]inventory.Tag) []bool {
		if slices.ContainsFunc(r.Calls(), func(c call.Call) bool { return c.Op == call.Tags }) {
			t.Error("the tags were listed before the cache was asked")
		}
		return func(tags []inventory.Tag) []bool { return slices.Repeat([]bool{true}, len(tags)) }
	}})
	repo := only(t, s, configs)
	heads := 0
	for _, c := range r.Calls() {
		if c.Op == call.Head {
			heads++
		}
	}
	if len(repo.Tags) != 4 || len(repo.Gaps) > 0 || heads != 2 {
		t.Errorf("%d tags, %d looked up, gaps %v", len(repo.Tags), heads, repo.Gaps)
	}
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
		none := func(context.Context, string) func([]inventory.Tag) []bool {
			return func([]inventory.Tag) []bool { return nil }
		}
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

func recallAll(context.Context, string) func([]inventory.Tag) []bool {
	return func(tags []inventory.Tag) []bool { return slices.Repeat([]bool{true}, len(tags)) }
}

// What lies ready is asked of nobody and tells the same; a config that cannot be
// read is as unknown as one that was fetched.
func TestWhatLiesReadyIsNotAskedFor(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	for i, name := range []string{"a", "b", "c"} {
		app.Tag(name, app.Image(world.Image{Created: days(i)}))
	}
	r := memory.Load(w, memory.Options{})
	scan := func(options inventory.Options) *inventory.Repository {
		s := inventory.NewScanner(r.Reader(), describe(t, r.Reader()), options)
		r.Forget()
		return only(t, s, configs)
	}
	fetched := scan(inventory.Options{})
	broken := fetched.Tags[2].Digest
	options := inventory.Options{
		Recall: recallAll,
		AtHand: func(digest oci.Digest) (oci.RawManifest, bool) {
			if digest == fetched.Manifests[broken].Config.Digest {
				return oci.RawManifest{Digest: digest, Body: []byte(`{"created":`)}, true
			}
			if m := w.Repositories["app"].Manifests[digest]; m != nil {
				return oci.RawManifest{MediaType: m.MediaType, Digest: digest, Body: m.Body}, true
			}
			return oci.RawManifest{Digest: digest, Body: w.Blobs[digest]}, true
		},
	}
	recalled := scan(options)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Head: 3})
	for digest, m := range recalled.Manifests {
		switch {
		case digest == broken && m.ConfigProblem == "":
			t.Error("a broken config has no problem")
		case digest != broken && (!m.Read || m.Created.IsZero() || !m.Created.Equal(fetched.Manifests[digest].Created) || m.Bytes != fetched.Manifests[digest].Bytes):
			t.Errorf("%+v", m)
		}
	}
}

// A manifest that has no type is none, nor is a config that has one.
func TestWhatLiesReadyIsWhatWasAskedFor(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	app.Tag("a", app.Image(world.Image{Created: days(1)}))
	r := memory.Load(w, memory.Options{})
	s := inventory.NewScanner(r.Reader(), describe(t, r.Reader()), inventory.Options{
		Recall: recallAll,
		AtHand: func(digest oci.Digest) (oci.RawManifest, bool) {
			mediaType := "application/json"
			if app.Manifests[digest] != nil {
				mediaType = ""
			}
			return oci.RawManifest{MediaType: mediaType, Digest: digest, Body: []byte(`{}`)}, true
		},
	})
	r.Forget()
	repo := only(t, s, configs)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Head: 1, call.Manifest: 1, call.Blob: 1})
	if m := repo.Manifests[repo.Tags[0].Digest]; m == nil || m.Created.IsZero() {
		t.Errorf("%+v", m)
	}
}
