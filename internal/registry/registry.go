// Package registry is the port through which regkeep reads a registry: what
// must be answered (Reader), what some registries can tell on top (optional
// interfaces found with As), what a registry can do (Capabilities), and the
// kinds of error that callers tell apart.
//
// It promises that nothing reachable from here changes a registry; the port
// that does is package mutate, alone. It knows no vendor and no policy.
package registry

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Tag is one entry of a tag listing with the facts that came with it. Facts
// that the listing did not tell are zero, which means "not known".
type Tag struct {
	Name      string
	Digest    oci.Digest
	MediaType string
	Pushed    time.Time // the registry's own record of this tag's last push
	Pulled    time.Time // last use, the latest over everything with this digest
	Created   time.Time // build time, where the registry tells it unasked
	Size      int64     // bytes of config and layers; 0: not known
	// Handle is the adapter's own name for this entry (Nexus: component id and
	// time). Nobody else looks into it; a mutator gets it back.
	Handle string
	// Problem says why the facts of this entry cannot be trusted ("component
	// without assets"). Such a tag is kept.
	Problem string
}

// Manifest is one entry of a listing of everything in a repository, tagged or
// not, from registries that can give one.
type Manifest struct {
	Digest    oci.Digest
	MediaType string
	Pushed    time.Time
	Pulled    time.Time
}

// Reader is what every registry must answer. Implementations are safe for
// concurrent use.
//
// A sequence that ends without an error is complete; one that cannot be
// completed ends with an error as its last element. Cancelling the context
// makes it end with the context's error, never silently. The order of
// elements means nothing; repeated names are the caller's to merge.
type Reader interface {
	// Repositories lists repository names.
	Repositories(ctx context.Context) iter.Seq2[string, error]
	// Tags lists the tags of a repository. A repository that is not there is
	// ErrNotFound; one without tags is an empty sequence.
	Tags(ctx context.Context, repository string) iter.Seq2[Tag, error]
	// Head resolves a tag or digest to a descriptor without fetching the
	// manifest. ErrNotFound means that the registry said so.
	Head(ctx context.Context, repository, reference string) (oci.Descriptor, error)
	// Manifest fetches a manifest by tag or digest. The digest is computed from
	// the body, compared with the one asked for and the one the registry
	// named; a mismatch is ErrMalformed.
	Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error)
	// Blob opens a blob. The caller closes it and verifies the digest.
	Blob(ctx context.Context, repository string, digest oci.Digest) (Blob, error)
}

// Blob is an open blob. Size is in bytes, -1 where the registry did not say.
type Blob interface {
	Read(p []byte) (int, error)
	Close() error
	Size() int64
}

// BlobLooker is implemented by readers that can look whether a blob is there
// without opening it.
type BlobLooker interface {
	HasBlob(ctx context.Context, repository string, digest oci.Digest) (bool, error)
}

// HasBlob says whether a blob is there. Nothing of it is read.
func HasBlob(ctx context.Context, reader Reader, repository string, digest oci.Digest) (bool, error) {
	if looker, can := As[BlobLooker](reader); can {
		return looker.HasBlob(ctx, repository, digest)
	}
	blob, err := reader.Blob(ctx, repository, digest)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, blob.Close()
}

// ReferrerLister is implemented by readers of registries with the OCI
// referrers API. ErrUnsupported means that this registry has none after all.
type ReferrerLister interface {
	Referrers(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error]
}

// ManifestLister is implemented by readers that can list untagged manifests.
type ManifestLister interface {
	Manifests(ctx context.Context, repository string) iter.Seq2[Manifest, error]
}

// Describer tells what a registry is and can do, asking it with harmless
// requests. It is also the sign-in probe: it runs before any other request
// and returns ErrDenied when credentials are missing, wrong or locked out.
type Describer interface {
	Describe(ctx context.Context) (Info, error)
}

// As finds the optional interface T on a reader or on what it wraps.
func As[T any](reader any) (T, bool) {
	for reader != nil {
		if found, ok := reader.(T); ok {
			return found, true
		}
		wrapper, ok := reader.(interface{ Unwrap() Reader })
		if !ok {
			break
		}
		reader = wrapper.Unwrap()
	}
	var none T
	return none, false
}
