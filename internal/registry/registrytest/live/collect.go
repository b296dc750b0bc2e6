package live

import (
	"testing"

	"github.com/distribution/distribution/v3/registry/storage"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// Collect runs the garbage collector of the CNCF distribution registry on a
// storage, as its operator would: blobs that no manifest of any repository
// reaches are deleted, and with untagged also manifests without a tag.
func Collect(t testing.TB, content *server.Storage, untagged bool) {
	t.Helper()
	registry, err := storage.NewRegistry(t.Context(), content, storage.EnableDelete)
	if err != nil {
		t.Fatal(err)
	}
	if err := storage.MarkAndSweep(t.Context(), content, registry, storage.GCOpts{RemoveUntagged: untagged, Quiet: true}); err != nil {
		t.Fatal(err)
	}
}
