package distribution

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// MountBlob has a blob of another repository of this registry appear in one,
// without sending it (distribution-spec, "Mounting a blob from another
// repository"). A registry that would rather be sent it opens an upload, which
// is given up; that is ErrUnsupported.
func (m *Mutator) MountBlob(ctx context.Context, repository, from string, digest oci.Digest) error {
	r := m.registry
	c := callOf("mount blob", http.MethodPost, repository, string(digest))
	if _, err := oci.ParseDigest(string(digest)); err != nil {
		return r.failure(c, registry.ErrMalformed, err)
	}
	c.path, c.query = "/blobs/uploads/", url.Values{"mount": {string(digest)}, "from": {from}}
	c.from = from
	resp, err := m.send(ctx, c)
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusCreated:
		resp.Body.Close()
		return nil
	case http.StatusAccepted:
		resp.Body.Close()
		m.giveUp(ctx, c, resp, digest)
		return r.failure(c, registry.ErrUnsupported, errors.New("the registry wants to be sent the blob"))
	default:
		return r.refused(c, resp)
	}
}

// giveUp ends an upload that nothing will be sent to. A registry that keeps it
// forgets it by itself.
func (m *Mutator) giveUp(ctx context.Context, c call, opened *http.Response, digest oci.Digest) {
	target, err := m.registry.uploadAddress(opened, digest)
	if err != nil {
		return
	}
	query := target.Query()
	query.Del("digest")
	target.RawQuery = query.Encode()
	c.method, c.target = http.MethodDelete, target
	if resp, err := m.send(ctx, c); err == nil {
		resp.Body.Close()
	}
}
