// Package archive keeps what goes: the manifests that a run deletes and, on
// request, their blobs, as an OCI image layout in a directory or a tar file.
//
// It promises that what Keep has returned for is on disk and has the digest it
// claims. It decides nothing, and it reads registries without changing them.
package archive

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// ErrNotKept means that an archive does not have what was asked for.
var ErrNotKept = errors.New("not in the archive")

// Entry is one manifest that is about to go, or to lose a tag.
type Entry struct {
	Run        string
	Seq        int // of the step
	Registry   string
	URL, Kind  string // of the registry, as the plan names them; may be empty
	Repository string
	Manifest   oci.RawManifest
	Tags       []string // that go with it, sorted
	At         time.Time
}

// Source is where the content of an entry comes from; registry.Reader is one.
type Source interface {
	Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error)
	Blob(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error)
}

// Keeper takes entries. Keep returns when the entry is durable; keeping the
// same entry again changes nothing.
type Keeper interface {
	Keep(ctx context.Context, entry Entry, source Source) error
}

// Manifests gives back manifests by digest, or ErrNotKept.
type Manifests interface {
	Manifest(ctx context.Context, digest oci.Digest) (oci.RawManifest, error)
}

// Blobs gives back blobs by digest with their size, or ErrNotKept. The caller
// closes and verifies.
type Blobs interface {
	Blob(ctx context.Context, digest oci.Digest) (io.ReadCloser, int64, error)
}

// Stack is several archives as one: every one keeps, and the first one that
// has something gives it back. Members that hold no blobs are passed over.
type Stack []interface {
	Keeper
	Manifests
}

// Keep has every member keep the entry.
func (s Stack) Keep(ctx context.Context, entry Entry, source Source) error {
	for _, member := range s {
		if err := member.Keep(ctx, entry, source); err != nil {
			return err
		}
	}
	return nil
}

// Manifest asks the members in order.
func (s Stack) Manifest(ctx context.Context, digest oci.Digest) (oci.RawManifest, error) {
	for _, member := range s {
		raw, err := member.Manifest(ctx, digest)
		if !errors.Is(err, ErrNotKept) {
			return raw, err
		}
	}
	return oci.RawManifest{}, ErrNotKept
}

// Blob asks the members that hold blobs in order.
func (s Stack) Blob(ctx context.Context, digest oci.Digest) (io.ReadCloser, int64, error) {
	for _, member := range s {
		blobs, ok := member.(Blobs)
		if !ok {
			continue
		}
		content, size, err := blobs.Blob(ctx, digest)
		if !errors.Is(err, ErrNotKept) {
			return content, size, err
		}
	}
	return nil, 0, ErrNotKept
}
