package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// The conformance suite proves the ports; here is what only this registry has.

func load(options memory.Options) (*memory.Registry, *world.Manifest, *world.Manifest) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	image := r.Image(world.Image{})
	sbom := r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: image})
	r.Tag("v1", image)
	return memory.Load(w, options), image, sbom
}

func TestSomebodyPushesBetweenTwoCalls(t *testing.T) {
	m, image, _ := load(memory.Options{})
	m.Before(func(c call.Call) {
		if c.Op == call.Head && c.Nth == 2 {
			m.Edit(func(w *world.World) {
				r := w.Repository("app")
				r.Tag("v1", r.Image(world.Image{}))
			})
		}
	})
	for nth, want := range []bool{true, false} {
		head, err := m.Reader().Head(t.Context(), "app", "v1")
		if err != nil || (head.Digest == image.Digest) != want {
			t.Errorf("head %d: %s, %v", nth+1, head.Digest, err)
		}
	}
	counts := m.Counts()
	if calls := m.Calls(); len(calls) != 2 || calls[1] != (call.Call{Op: call.Head, Repository: "app", Reference: "v1", Nth: 2}) || counts[call.Head] != 2 {
		t.Errorf("calls %v, counts %v", calls, counts)
	}
	if m.Forget(); len(m.Calls()) != 0 {
		t.Error("calls are remembered after Forget")
	}
}

func TestAHookMayCancelTheCall(t *testing.T) {
	m, image, _ := load(memory.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	m.Before(func(call.Call) { cancel() })
	after := 0
	m.After(func(call.Call) { after++ })
	if err := m.Mutator().DeleteManifest(ctx, "app", image.Digest); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	m.Before(nil)
	if _, err := m.Reader().Head(t.Context(), "app", "v1"); err != nil || after != 1 {
		t.Errorf("%v; %d calls were followed by the hook, want only the one that worked", err, after)
	}
}

func TestTheWorldThatWasLoadedStaysAsItWas(t *testing.T) {
	w := world.FromSeed(1, world.Options{})
	before := w.Clone().State()
	m := memory.Load(w, memory.Options{})
	for name, digests := range w.Digests() {
		for _, digest := range digests {
			_ = m.Mutator().DeleteManifest(t.Context(), name, digest)
		}
	}
	for _, problem := range world.Check(before, w.State(), world.Expectation{}) {
		t.Error(problem)
	}
	for _, contents := range m.State().Repositories {
		if len(contents.Manifests)+len(contents.Tags) > 0 {
			t.Errorf("%d manifests and %d tags are left", len(contents.Manifests), len(contents.Tags))
		}
	}
}

func TestComponentsAreCompared(t *testing.T) {
	now := world.DefaultNow
	m, image, _ := load(memory.Options{Components: true, Clock: func() time.Time { now = now.Add(time.Second); return now }})
	var tag mutate.Tag
	for listed, err := range m.Reader().Tags(t.Context(), "app") {
		if err != nil {
			t.Fatal(err)
		}
		tag = mutate.Tag{Repository: "app", Name: listed.Name, Digest: image.Digest, Handle: listed.Handle}
	}
	if err := m.Mutator().PutManifest(t.Context(), "app", "v1", image.RawManifest); err != nil {
		t.Fatal(err)
	}
	if err := m.Mutator().Untag(t.Context(), tag); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("untag of a component that was pushed again: %v", err)
	}
}

func TestSwitches(t *testing.T) {
	t.Run("cascade", func(t *testing.T) {
		m, image, sbom := load(memory.Options{Cascade: true})
		if err := m.Mutator().DeleteManifest(t.Context(), "app", image.Digest); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Reader().Head(t.Context(), "app", string(sbom.Digest)); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the referrer: %v", err)
		}
	})
	t.Run("locks children", func(t *testing.T) {
		m, image, _ := load(memory.Options{LocksChildren: true})
		m.Edit(func(w *world.World) { w.Repository("app").Index(world.Index{Children: []*world.Manifest{image}}) })
		if err := m.Mutator().DeleteManifest(t.Context(), "app", image.Digest); !errors.Is(err, registry.ErrLocked) {
			t.Errorf("%v", err)
		}
	})
	t.Run("locked tags", func(t *testing.T) {
		m, image, _ := load(memory.Options{Locked: []string{"v1"}})
		if err := m.Mutator().Untag(t.Context(), mutate.Tag{Repository: "app", Name: "v1"}); !errors.Is(err, registry.ErrLocked) {
			t.Errorf("untag: %v", err)
		}
		if err := m.Mutator().DeleteManifest(t.Context(), "app", image.Digest); !errors.Is(err, registry.ErrLocked) {
			t.Errorf("delete: %v", err)
		}
	})
	t.Run("counts pulls", func(t *testing.T) {
		m, _, _ := load(memory.Options{CountPulls: true, PullTimes: true})
		pulled := func() time.Time {
			for tag := range m.Reader().Tags(t.Context(), "app") {
				return tag.Pulled
			}
			return time.Time{}
		}
		if _, err := m.Reader().Head(t.Context(), "app", "v1"); err != nil || !pulled().IsZero() {
			t.Errorf("a head counted as a pull: %v, %v", pulled(), err)
		}
		if _, err := m.Reader().Manifest(t.Context(), "app", "v1"); err != nil || pulled().IsZero() {
			t.Errorf("fetching the manifest did not count as a pull: %v", err)
		}
	})
	t.Run("keeps tags", func(t *testing.T) {
		m, image, _ := load(memory.Options{KeepsTags: true})
		if err := m.Mutator().DeleteManifest(t.Context(), "app", image.Digest); err != nil {
			t.Fatal(err)
		}
		contents := m.State().Repositories["app"]
		if contents.Tags["v1"] != image.Digest || contents.Manifests[image.Digest] != nil {
			t.Errorf("the tag is at %q", contents.Tags["v1"])
		}
		// State answers as world.Read would: referrers by what is there.
		if got := contents.Referrers[oci.Digest(image.Digest)]; len(got) != 1 {
			t.Errorf("referrers %v", got)
		}
	})
}
