package wrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Content keeps immutable content. Implementations are safe for concurrent
// use; they may forget at any time. What they return is verified against its
// digest by the caller.
type Content interface {
	Get(ctx context.Context, key ContentKey) (body []byte, mediaType string, found bool)
	Put(ctx context.Context, key ContentKey, mediaType string, body []byte)
}

// ContentKey names content. Manifests are kept per repository, because a
// manifest that lies in one repository may be missing in another; blobs have
// no repository.
type ContentKey struct {
	Repository string
	Digest     oci.Digest
}

// mostCached bounds the blobs that are kept: configs, not layers.
const mostCached = 1 << 20

// Cache answers requests for manifests and small blobs by digest from content
// and passes everything else on. Tags are always asked: they move. Looking
// whether something is still there is Head, which is always asked too.
type Cache struct {
	registry.Reader
	content Content
}

// NewCache puts content before reader.
func NewCache(reader registry.Reader, content Content) *Cache {
	return &Cache{Reader: reader, content: content}
}

// Unwrap lets registry.As find what the reader can do.
func (c *Cache) Unwrap() registry.Reader { return c.Reader }

// Manifest implements registry.Reader.
func (c *Cache) Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
	if digest, err := oci.ParseDigest(reference); err == nil {
		key := ContentKey{Repository: repository, Digest: digest}
		if body, mediaType, found := c.content.Get(ctx, key); found && digest.Verify(body) == nil {
			return oci.RawManifest{MediaType: mediaType, Digest: digest, Body: body}, nil
		}
	}
	raw, err := c.Reader.Manifest(ctx, repository, reference)
	if err == nil && raw.Digest.Verify(raw.Body) == nil {
		c.content.Put(ctx, ContentKey{Repository: repository, Digest: raw.Digest}, raw.MediaType, raw.Body)
	}
	return raw, err
}

// Blob implements registry.Reader. A small blob is read whole and verified.
func (c *Cache) Blob(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error) {
	key := ContentKey{Digest: digest}
	if body, _, found := c.content.Get(ctx, key); found && digest.Verify(body) == nil {
		return memoryBlob{bytes.NewReader(body)}, nil
	}
	blob, err := c.Reader.Blob(ctx, repository, digest)
	if err != nil || blob.Size() < 0 || blob.Size() > mostCached {
		return blob, err
	}
	defer blob.Close()
	body, err := io.ReadAll(io.LimitReader(blob, mostCached+1))
	if err != nil {
		return nil, unreadable(repository, digest, registry.ErrUnavailable, err)
	}
	if err := digest.Verify(body); err != nil {
		return nil, unreadable(repository, digest, registry.ErrMalformed, err)
	}
	c.content.Put(ctx, key, "", body)
	return memoryBlob{bytes.NewReader(body)}, nil
}

func unreadable(repository string, digest oci.Digest, kind, err error) error {
	var known *registry.Error
	if errors.As(err, &known) {
		return err
	}
	return &registry.Error{Kind: kind, Op: "read blob", Repository: repository, Reference: string(digest), Err: fmt.Errorf("%w", err)}
}

type memoryBlob struct{ *bytes.Reader }

func (b memoryBlob) Close() error { return nil }
func (b memoryBlob) Size() int64  { return b.Reader.Size() }
