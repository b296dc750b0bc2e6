package distribution

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// Blob implements registry.Reader. Registries that keep blobs elsewhere
// redirect; credentials do not go along.
func (r *Registry) Blob(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error) {
	c, err := r.reading("read blob", http.MethodGet, repository, "/blobs/"+string(digest), string(digest))
	if err != nil {
		return nil, err
	}
	if _, err := r.checkReference(c); err != nil {
		return nil, err
	}
	resp, err := r.send(wrap.Streaming(ctx), r.connection.Reading(), c)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refused(c, resp)
	}
	return &blob{registry: r, call: c, ctx: ctx, resp: resp}, nil
}

// HasBlob implements registry.BlobLooker. Where HEAD is not taken (405, or by a
// store behind the registry that has signed an address for GET), the blob is
// opened.
func (r *Registry) HasBlob(ctx context.Context, repository string, digest oci.Digest) (bool, error) {
	c, err := r.reading("look at blob", http.MethodHead, repository, "/blobs/"+string(digest), string(digest))
	if err != nil {
		return false, err
	}
	if _, err := r.checkReference(c); err != nil {
		return false, err
	}
	resp, err := r.send(ctx, r.connection.Reading(), c)
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed:
	default:
		return false, r.refused(c, resp)
	}
	opened, err := r.Blob(ctx, repository, digest)
	if errors.Is(err, registry.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, opened.Close()
}

// blob is a body whose errors say what was being read.
type blob struct {
	registry *Registry
	call     call
	ctx      context.Context
	resp     *http.Response
}

func (b *blob) Read(p []byte) (int, error) {
	n, err := b.resp.Body.Read(p)
	if err != nil && !isEOF(err) {
		err = b.registry.unanswered(b.ctx, b.call, err)
	}
	return n, err
}

func (b *blob) Close() error { return b.resp.Body.Close() }
func (b *blob) Size() int64  { return b.resp.ContentLength }

// isEOF: only a bare io.EOF is the end of a body.
func isEOF(err error) bool { return err == io.EOF }
