package nexus_test

import (
	"context"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// harness is an emulated server for the conformance suite. Its seeding goes
// past REST and registry API.
type harness struct {
	server *nexustest.Server
	reader *nexus.Registry
}

func (h harness) Reader(registrytest.T) registry.Reader { return h.reader }
func (h harness) Mutator(registrytest.T) mutate.Mutator { return nexus.NewMutator(h.reader) }

func (h harness) Seed(_ context.Context, w *world.World) error {
	now := time.Now()
	for _, content := range w.Blobs {
		h.server.PushBlob("docker-hosted", string(content), "application/octet-stream", now)
	}
	for name, repo := range w.Repositories {
		for _, m := range repo.Manifests {
			h.server.PushManifest("docker-hosted", name, "", m.MediaType, m.Body, now)
		}
		for tag, digest := range repo.Tags {
			m := repo.Manifests[digest]
			h.server.PushManifest("docker-hosted", name, tag, m.MediaType, m.Body, now)
		}
	}
	return nil
}

func (h harness) Declared() registrytest.Declared {
	return registrytest.Declared{
		Capabilities: registry.Capabilities{
			TagDelete: registry.SupportYes, DigestDelete: registry.SupportNo, Referrers: registry.SupportNo, Catalog: registry.SupportYes,
			PushTimes: registry.SupportYes, PullTimes: registry.SupportYes, Untagged: registry.SupportNo, PullsCounted: registry.SupportYes,
			ComponentDelete: registry.SupportYes, CascadeReferrers: registry.SupportNo,
		},
		Prefix: "docker-hosted/",
	}
}

func TestConformance(t *testing.T) {
	for _, dialect := range nexustest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			s := nexustest.New(nexustest.Options{Dialect: dialect})
			registrytest.Conformance(t, harness{server: s, reader: open(t, s)})
		})
	}
}
