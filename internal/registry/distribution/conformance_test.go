package distribution_test

import (
	"context"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// realHarness runs the conformance suite on a real registry. One reader and
// one mutator serve every topic, as they do in use.
type realHarness struct {
	host     string
	reader   *distribution.Registry
	mutator  mutate.Mutator
	declared registrytest.Declared
}

func (h realHarness) Reader(registrytest.T) registry.Reader          { return h.reader }
func (h realHarness) Mutator(registrytest.T) mutate.Mutator          { return h.mutator }
func (h realHarness) Seed(ctx context.Context, w *world.World) error { return w.Push(ctx, h.host) }
func (h realHarness) Declared() registrytest.Declared                { return h.declared }

func conforms(t *testing.T, s *server.Server, declared registrytest.Declared) {
	t.Helper()
	r := open(t, s.Host)
	registrytest.Conformance(t, realHarness{s.Host, r, mutator(t, r), declared})
}

// declaring starts from what the API of the distribution specification tells and a common
// registry can do.
func declaring(change func(*registrytest.Declared)) registrytest.Declared {
	declared := registrytest.Declared{Capabilities: registry.Capabilities{
		TagDelete: registry.SupportYes, DigestDelete: registry.SupportYes, Referrers: registry.SupportNo, Catalog: registry.SupportYes,
		PushTimes: registry.SupportNo, PullTimes: registry.SupportNo, Untagged: registry.SupportNo,
		PullsCounted: registry.SupportNo, ComponentDelete: registry.SupportNo, CascadeReferrers: registry.SupportNo,
	}}
	change(&declared)
	return declared
}

func TestConformance(t *testing.T) {
	for _, test := range []struct {
		name     string
		start    func(testing.TB) *server.Server
		declared registrytest.Declared
	}{
		{"distribution", func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) },
			declaring(func(*registrytest.Declared) {})},
		{"distribution in small pages", func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{Page: 7}) },
			declaring(func(*registrytest.Declared) {})},
		{"distribution without delete", func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{NoDelete: true}) },
			declaring(func(d *registrytest.Declared) { d.TagDelete, d.DigestDelete = registry.SupportNo, registry.SupportNo })},
		{"docker-registry", live.Docker,
			declaring(func(d *registrytest.Declared) { d.TagDelete = registry.SupportNo })},
		{"olareg", live.Olareg,
			declaring(func(d *registrytest.Declared) {
				d.Catalog, d.Referrers, d.VagueTags = registry.SupportNo, registry.SupportYes, true
			})},
		{"go-containerregistry", live.GoContainerRegistry,
			declaring(func(d *registrytest.Declared) { d.KeepsTags, d.AnyType = true, true })},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conforms(t, test.start(t), test.declared)
		})
	}
}
