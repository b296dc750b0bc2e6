package distribution_test

import (
	"context"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// harness is a real registry for the conformance suite.
type harness struct {
	host     string
	reader   *distribution.Registry
	mutator  mutate.Mutator
	declared registrytest.Declared
}

func (h harness) Reader(registrytest.T) registry.Reader          { return h.reader }
func (h harness) Mutator(registrytest.T) mutate.Mutator          { return h.mutator }
func (h harness) Declared() registrytest.Declared                { return h.declared }
func (h harness) Seed(ctx context.Context, w *world.World) error { return w.Push(ctx, h.host) }

func TestConformance(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			t.Parallel()
			expected := behaviour[starter.Kind]
			referrers := expected.referrers
			if starter.Referrers {
				referrers = registry.SupportYes
			}
			host := starter.Start(t).Host
			r := open(t, host)
			registrytest.Conformance(t, harness{
				host: host, reader: r, mutator: mutator(t, r),
				declared: registrytest.Declared{
					Capabilities: registry.Capabilities{
						TagDelete: expected.tagDelete, DigestDelete: registry.SupportYes,
						Referrers: referrers, Catalog: expected.catalog,
						PushTimes: registry.SupportNo, PullTimes: registry.SupportNo, Untagged: registry.SupportNo,
						ComponentDelete: registry.SupportNo,
					},
					KeepsTags: expected.tagsStay, VagueTags: !expected.unknownRepository,
					AnyType: starter.Kind == "go-containerregistry",
				},
			})
		})
	}
}
