package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// sink is where copied content goes. What has says is there is whole: a
// manifest is put after everything below it.
type sink interface {
	has(ctx context.Context, d oci.Descriptor) (bool, error)
	// put stores a blob or the bytes of a manifest: whole, or not at all.
	put(ctx context.Context, d oci.Descriptor, content io.Reader) error
}

// mounter is a sink that may have a blob without being sent it.
type mounter interface {
	mount(ctx context.Context, d oci.Descriptor) (bool, error)
}

// copier copies one entry into a sink.
type copier struct {
	sink
	source     Source
	repository string
	// strict: something that is gone from the registry is an error.
	strict bool
}

// manifest copies what is below a manifest, then the manifest. What the
// registry itself no longer has cannot be kept and is passed over, unless the
// sink is strict: deleting loses nothing of it.
func (c *copier) manifest(ctx context.Context, raw oci.RawManifest) error {
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil {
		return err
	}
	d := oci.Descriptor{MediaType: raw.MediaType, Digest: raw.Digest, Size: int64(len(raw.Body))}
	if there, err := c.has(ctx, d); err != nil || there {
		return err
	}
	for _, child := range m.Children {
		if err := c.child(ctx, child); err != nil {
			return err
		}
	}
	for _, blob := range m.Stored() {
		if err := c.blob(ctx, blob); err != nil {
			return fmt.Errorf("blob %s: %w", blob.Digest, err)
		}
	}
	return c.put(ctx, d, bytes.NewReader(raw.Body))
}

func (c *copier) child(ctx context.Context, child oci.Descriptor) error {
	raw, err := c.source.Manifest(ctx, c.repository, string(child.Digest))
	if errors.Is(err, registry.ErrNotFound) && !c.strict {
		return nil
	}
	if err == nil {
		err = child.Digest.Verify(raw.Body)
	}
	if err != nil {
		return fmt.Errorf("manifest %s below it: %w", child.Digest, err)
	}
	raw.Digest = child.Digest
	return c.manifest(ctx, raw)
}

func (c *copier) blob(ctx context.Context, d oci.Descriptor) error {
	if there, err := c.has(ctx, d); err != nil || there {
		return err
	}
	if m, can := c.sink.(mounter); can {
		if mounted, err := m.mount(ctx, d); err != nil || mounted {
			return err
		}
	}
	blob, err := c.source.Blob(ctx, c.repository, d.Digest)
	if errors.Is(err, registry.ErrNotFound) && !c.strict {
		return nil
	}
	if err != nil {
		return err
	}
	if size := blob.Size(); size >= 0 {
		d.Size = size // what there is, not what the manifest says there is
	}
	return errors.Join(c.put(ctx, d, blob), blob.Close())
}
