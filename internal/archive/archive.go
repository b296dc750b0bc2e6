// Package archive keeps what goes: the manifests that a run deletes with
// everything below them, in an OCI image layout in a directory, in a tar file,
// or in a repository of a registry. Other tools read all three.
//
// It promises that what Keep has returned for is durable and has the digest it
// claims, and that an archive tells by itself what it holds and where that came
// from, so that nothing depends on the state of the program that wrote it. It
// decides nothing, and it only ever adds.
package archive

import (
	"context"
	"errors"
	"io"
	"iter"
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
// same entry again changes nothing. It is safe for concurrent use.
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

// Neighbours tells which repositories of a registry, by its URL, an archive keeps
// its content in: from there it need not be sent.
type Neighbours interface {
	Within(url string) []string
}

// Archive is an archive that stands on its own.
type Archive interface {
	Keeper
	Manifests
	Blobs
	// Entries lists what was kept, with the bytes of the manifests: of one run,
	// or of all with "". Those of a run come by step.
	Entries(ctx context.Context, run string) iter.Seq2[Entry, error]
	// Close makes the archive complete for other tools.
	Close() error
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

// Within lists the repositories of all members.
func (s Stack) Within(url string) []string {
	var names []string
	for _, member := range s {
		if neighbours, ok := member.(Neighbours); ok {
			names = append(names, neighbours.Within(url)...)
		}
	}
	return names
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
