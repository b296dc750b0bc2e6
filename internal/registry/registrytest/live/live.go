// Package live starts real registries for a test and stops them when it ends:
// the CNCF distribution registry in its present version in this process,
// Debian's docker-registry (distribution 2.8) as a child process, olareg, the
// registry of go-containerregistry, and zot where somebody has one.
//
// It promises an empty registry that no other test shares, with deletion
// allowed unless asked otherwise. What they have in common with each other is
// the business of the conformance suite.
package live

import (
	"errors"
	"io"
	"log"
	"os"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// RequireReal is the environment variable that makes a real registry that is
// not installed a failure instead of a skip.
const RequireReal = "REGKEEP_REQUIRE_REAL"

// Distribution starts the CNCF distribution registry: tag delete, no
// referrers API.
func Distribution(t testing.TB, options server.Options) *server.Server {
	t.Helper()
	s, err := server.StartDistribution(t.Context(), options)
	return closing(t, s, err)
}

// Docker starts Debian's docker-registry 2.8: no tag delete, no pages of
// tags, tags in no order. Where it is not installed the test is skipped, or
// fails if RequireReal is set.
func Docker(t testing.TB) *server.Server {
	t.Helper()
	s, err := startDocker(t.Context(), t.TempDir())
	if errors.Is(err, errNotInstalled) {
		if os.Getenv(RequireReal) != "" {
			t.Fatalf("%v, and %s is set", err, RequireReal)
		}
		t.Skipf("%v; set %s=1 to make this a failure", err, RequireReal)
	}
	return closing(t, s, err)
}

// Olareg starts olareg: tag delete, referrers API, no catalog, and an unknown
// repository looks empty.
func Olareg(t testing.TB) *server.Server {
	t.Helper()
	yes := true
	registry := olareg.New(olaregconfig.Config{
		Storage: olaregconfig.ConfigStorage{
			StoreType: olaregconfig.StoreMem,
			GC:        olaregconfig.ConfigGC{Frequency: -1, GracePeriod: -1, RepoUploadMax: -1},
		},
		API: olaregconfig.ConfigAPI{DeleteEnabled: &yes},
	})
	s, err := server.Serve(t.Context(), "olareg", "0.2.2", registry, registry.Close)
	return closing(t, s, err)
}

// GoContainerRegistry starts the registry of go-containerregistry: tags stay
// and serve on after their digest was deleted, listings have no Link header,
// anything is taken.
func GoContainerRegistry(t testing.TB) *server.Server {
	t.Helper()
	handler := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	s, err := server.Serve(t.Context(), "go-containerregistry", "0.22.1", handler, nil)
	return closing(t, s, err)
}

// closing hands out a server that stops with the test.
func closing(t testing.TB, s *server.Server, err error) *server.Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("stop %s registry: %v", s.Kind, err)
		}
	})
	return s
}

// Starter is one kind of registry that a test can be run against.
type Starter struct {
	Kind  string
	Start func(testing.TB) *server.Server
	// Referrers: it answers the referrers API, so that clients push no fallback
	// tags.
	Referrers bool
	// Guards: it refuses to delete a manifest that an index lists.
	Guards bool
}

// World says which worlds can be pushed to it.
func (s Starter) World() world.Options { return world.Options{Fallback: !s.Referrers, Whole: s.Guards} }

// All lists every kind, for tests that must hold on each.
func All() []Starter {
	all := []Starter{
		{Kind: "distribution", Start: func(t testing.TB) *server.Server { return Distribution(t, server.Options{}) }},
		{Kind: "docker-registry", Start: Docker},
		{Kind: "olareg", Start: Olareg, Referrers: true},
		{Kind: "go-containerregistry", Start: GoContainerRegistry},
	}
	if path := os.Getenv(ZotProgram); path != "" {
		all = append(all, Starter{Kind: "zot", Referrers: true, Guards: true, Start: func(t testing.TB) *server.Server {
			t.Helper()
			s, err := startZot(t.Context(), path, t.TempDir())
			return closing(t, s, err)
		}})
	}
	return all
}
