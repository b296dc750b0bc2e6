package memory

import (
	"context"
	"maps"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Harness lets the conformance suite run on the registry.
type Harness struct{ *Registry }

var _ registrytest.Harness = Harness{}

// Reader implements registrytest.Harness, as do the methods below.
func (h Harness) Reader(registrytest.T) registry.Reader { return h.Registry.Reader() }

// Mutator is the changing port.
func (h Harness) Mutator(registrytest.T) mutate.Mutator { return h.Registry.Mutator() }

// Seed adds the repositories of w.
func (h Harness) Seed(_ context.Context, w *world.World) error {
	h.Edit(func(into *world.World) {
		maps.Copy(into.Blobs, w.Blobs)
		for name, repo := range w.Clone().Repositories {
			for tag := range repo.Tags {
				repo.Pushed[tag] = into.Now
			}
			into.Repositories[name] = repo
		}
	})
	return nil
}

// Declared is what the options say.
func (h Harness) Declared() registrytest.Declared {
	return registrytest.Declared{
		Capabilities: h.options.capabilities(), KeepsTags: h.options.KeepsTags, VagueTags: h.options.VagueTags, AnyType: true,
	}
}
