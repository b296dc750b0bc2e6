// Package mutate is the port through which a registry is changed: untag,
// delete, put back. It stands alone so that the import graph shows who could
// delete: apply, the adapters that implement it, and the wiring in app.
//
// It promises nothing about whether a change is right; callers have looked
// before and look after.
package mutate

import (
	"context"
	"io"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Tag names one tag to be removed, with what the caller saw behind it.
type Tag struct {
	Repository string
	Name       string
	Digest     oci.Digest // what the caller saw the tag point to just now
	Handle     string     // from registry.Tag; may be empty
}

// Mutator changes a registry. No method retries what may have happened: it
// reports ErrUnavailable and the caller looks. A missing target is
// ErrNotFound. Implementations are safe for concurrent use.
type Mutator interface {
	// Probe finds out with harmless requests (names that cannot exist) whether
	// tags and digests can be deleted in this repository.
	Probe(ctx context.Context, repository string) (registry.Capabilities, error)
	// Untag removes one tag and leaves its manifest and siblings. Only 400, 405
	// and UNSUPPORTED are ErrUnsupported. Where the registry lets the adapter
	// compare (Nexus: by component), a moved tag is ErrChanged.
	Untag(ctx context.Context, tag Tag) error
	// DeleteManifest deletes by digest; every tag on the digest goes with it.
	DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error
	// PutManifest stores exactly these bytes under a tag or under their digest.
	PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error
	// PutBlob stores size bytes that must have this digest.
	PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error
}
