package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// shared is a repository of n tags, two on each image.
func shared(n int) *world.World {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	for i := range n / 2 {
		image := repo.Image(world.Image{Created: days(i)})
		repo.Tag(fmt.Sprintf("a%d", i), image)
		repo.Tag(fmt.Sprintf("b%d", i), image)
	}
	return w
}

func TestNamesCostTheTagListAndNothingMore(t *testing.T) {
	r := memory.Load(shared(20), memory.Options{})
	repo := only(t, scanner(t, r, inventory.Options{}), names)
	if repo.Depth != inventory.Names || len(repo.Tags) != 20 || repo.Manifests != nil {
		t.Errorf("got depth %d with %d tags and %d manifests", repo.Depth, len(repo.Tags), len(repo.Manifests))
	}
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1})
}

func TestATagCostsOneManifestAndAnImageOneConfig(t *testing.T) {
	r := memory.Load(shared(20), memory.Options{})
	repo := only(t, scanner(t, r, inventory.Options{}), configs)
	for _, tag := range repo.Tags {
		if m := repo.Manifests[tag.Digest]; m == nil || !m.Read || m.Created.IsZero() {
			t.Errorf("tag %s: manifest %+v", tag.Name, m)
		}
	}
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 20, call.Blob: 10})
	once(t, r)
}

func TestConfigsAreReadWhereTheyMatterOnly(t *testing.T) {
	r := memory.Load(shared(20), memory.Options{})
	only(t, scanner(t, r, inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Config: func(tag string) bool { return tag == "a3" || tag == "b3" || tag == "b4" }}
	}))
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 20, call.Blob: 2})
}

func TestListedDigestsAreAskedForOnce(t *testing.T) {
	r := memory.Load(shared(20), memory.Options{Rich: true})
	only(t, scanner(t, r, inventory.Options{}), configs)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 10, call.Blob: 10})
	once(t, r)
}

func TestWherePullsAreCountedTagsAreLookedAtAndManifestsReadOnce(t *testing.T) {
	r := memory.Load(shared(20), memory.Options{CountPulls: true})
	only(t, scanner(t, r, inventory.Options{}), graph)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Head: 20, call.Manifest: 10})
	once(t, r)
}

func TestComponentsWithDigestsAndPushTimesNeedNoManifest(t *testing.T) {
	w := shared(20)
	for tag := range w.Repository("app").Tags {
		w.Repository("app").Pushed[tag] = w.Now
	}
	options := memory.Options{Rich: true, PushTimes: true, Components: true, CountPulls: true}

	r := memory.Load(w, options)
	s := scanner(t, r, inventory.Options{})
	repo := only(t, s, graph)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1})
	if repo.Depth != inventory.Graph || repo.Tags[0].Handle == "" || repo.Manifests[repo.Tags[0].Digest].Kind != oci.KindImage {
		t.Errorf("tag %+v, manifest %+v", repo.Tags[0], repo.Manifests[repo.Tags[0].Digest])
	}
	if _, err := s.Deepen(context.Background(), repo, []oci.Digest{repo.Tags[0].Digest}); err != nil {
		t.Fatal(err)
	}
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1})

	r = memory.Load(w, options)
	only(t, scanner(t, r, inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Config: func(tag string) bool { return tag == "a1" }}
	}))
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 1, call.Blob: 1})
}

func TestComponentsHaveTheirIndexesReadWhereThatMatters(t *testing.T) {
	w := shared(4)
	repo := w.Repository("app")
	repo.Tag("index", repo.Index(world.Index{Children: []*world.Manifest{repo.Manifests[repo.Tags["a0"]]}}))
	for tag := range repo.Tags {
		repo.Pushed[tag] = w.Now
	}
	r := memory.Load(w, memory.Options{Rich: true, PushTimes: true, Components: true})
	only(t, scanner(t, r, inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Indexes: true}
	}))
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 1})
}

// An index costs its own manifest; its children are read where their build
// time decides, and attestations never.
func TestChildrenAreReadByDigestOnce(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	amd, arm := repo.Image(world.Image{Created: days(3)}), repo.Image(world.Image{Created: days(9), Platform: "linux/arm64"})
	attestation := repo.Image(world.Image{Platform: "unknown/unknown", Created: days(1)})
	one := repo.Index(world.Index{Children: []*world.Manifest{amd, arm}, Attestations: []*world.Manifest{attestation}})
	two := repo.Index(world.Index{Children: []*world.Manifest{arm}})
	top := repo.Index(world.Index{Children: []*world.Manifest{one}})
	repo.Tag("one", one)
	repo.Tag("two", two)
	repo.Tag("top", top)
	repo.Tag("amd", amd) // also a tag of its own

	r := memory.Load(w, memory.Options{})
	only(t, scanner(t, r, inventory.Options{}), graph)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 4})

	r = memory.Load(w, memory.Options{})
	got := only(t, scanner(t, r, inventory.Options{}), configs)
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 5, call.Blob: 2})
	once(t, r)
	for name, created := range map[string]string{"one": days(3), "two": days(9), "top": days(3), "amd": days(3)} {
		for _, tag := range got.Tags {
			if m := got.Manifests[tag.Digest]; tag.Name == name && world.At(m.Created) != created {
				t.Errorf("%s was created %s, want %s", name, m.Created, created)
			}
		}
	}
	if m := got.Manifests[top.Digest]; len(m.Platforms) != 2 || m.Bytes == 0 || m.Bytes != got.Manifests[one.Digest].Bytes {
		t.Errorf("the nested index has platforms %v and %d bytes", m.Platforms, m.Bytes)
	}
}

// The attestation makes a single-platform image an index too (snok#43).
func TestAnIndexWithProvenanceHasTheAgeOfItsImage(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	image := repo.Image(world.Image{Created: days(40)})
	attestation := repo.Image(world.Image{Platform: "unknown/unknown", Created: days(1)})
	repo.Tag("v1", repo.Index(world.Index{Children: []*world.Manifest{image}, Attestations: []*world.Manifest{attestation}}))
	r := memory.Load(w, memory.Options{})
	got := only(t, scanner(t, r, inventory.Options{}), configs)
	if m := got.Manifests[got.Tags[0].Digest]; world.At(m.Created) != days(40) {
		t.Errorf("created %s", m.Created)
	}
}

// A tag on its way may bring the child that an index has just named.
func TestChildrenWaitUntilTheTagsHaveBroughtWhatTheyBring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world.New(world.DefaultNow)
		repo := w.Repository("app")
		amd := repo.Image(world.Image{Created: days(3)})
		repo.Tag("index", repo.Index(world.Index{Children: []*world.Manifest{amd}}))
		repo.Tag("slow", amd)
		r := memory.Load(w, memory.Options{})
		s := scanner(t, r, inventory.Options{Workers: 4})
		r.Before(func(c call.Call) {
			if c.Reference == "slow" {
				time.Sleep(time.Second)
			}
		})
		only(t, s, configs)
		want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 2, call.Blob: 1})
	})
}

// again is another manifest with the config and layers of an image.
func again(repo *world.Repository, image *world.Manifest, serial string) *world.Manifest {
	body := strings.Replace(string(image.Body), `{"schemaVersion":2`, `{"schemaVersion":2,"annotations":{"serial":"`+serial+`"}`, 1)
	m := world.Parse(image.MediaType, []byte(body))
	repo.Manifests[m.Digest] = m
	return m
}

func TestSharedConfigsAreReadOnce(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	image := repo.Image(world.Image{Created: days(3)})
	repo.Tag("one", image)
	repo.Tag("two", again(repo, image, "2"))
	gone := repo.Index(world.Index{Children: []*world.Manifest{again(repo, image, "3")}})
	repo.Tag("gone", gone)
	r := memory.Load(w, memory.Options{})
	s := scanner(t, r, inventory.Options{})
	got := only(t, s, demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Config: func(tag string) bool { return tag != "gone" }}
	}))
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 3, call.Blob: 1})
	got, err := s.Deepen(context.Background(), got, []oci.Digest{gone.Digest})
	if err != nil || world.At(got.Manifests[gone.Digest].Created) != days(3) {
		t.Errorf("error %v, %+v", err, got.Manifests[gone.Digest])
	}
	if n := r.Counts()[call.Blob]; n != 1 {
		t.Errorf("read the config %d times", n)
	}
}
