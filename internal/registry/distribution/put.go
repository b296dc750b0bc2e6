package distribution

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// PutManifest implements mutate.Mutator. The registry must name the digest of
// exactly these bytes, or be asked for it.
func (m *Mutator) PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error {
	r := m.registry
	c := callOf("put manifest", http.MethodPut, repository, reference)
	asked, err := r.checkReference(c)
	if err != nil {
		return err
	}
	if identified, err := identify(manifest, manifest.Digest, asked); err != nil {
		return r.failure(c, registry.ErrMalformed, err)
	} else if manifest.Digest == "" {
		manifest.Digest = identified
	}
	c.path = "/manifests/" + reference
	c.mediaType, c.length = manifest.MediaType, int64(len(manifest.Body))
	c.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(manifest.Body)), nil }
	resp, err := m.send(ctx, c)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusAccepted {
		return r.refused(c, resp)
	}
	resp.Body.Close()
	named := resp.Header.Get(digestHeader)
	if named == "" {
		found, err := r.Head(ctx, repository, reference)
		if err != nil {
			return err
		}
		named = string(found.Digest)
	}
	if named != string(manifest.Digest) {
		return r.failure(c, registry.ErrMalformed, fmt.Errorf("the registry stored %s and not %s", clean(named, 150), manifest.Digest))
	}
	return nil
}

// PutBlob implements mutate.Mutator: a blob that is there already is left
// alone, another one is uploaded in one piece.
func (m *Mutator) PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error {
	r := m.registry
	c := callOf("put blob", http.MethodHead, repository, string(digest))
	if _, err := oci.ParseDigest(string(digest)); err != nil {
		return r.failure(c, registry.ErrMalformed, err)
	}
	c.path = "/blobs/" + string(digest)
	resp, err := m.send(ctx, c)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	c.method, c.path = http.MethodPost, "/blobs/uploads/"
	if resp, err = m.send(ctx, c); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return r.refused(c, resp)
	}
	resp.Body.Close()
	upload := c
	upload.method = http.MethodPut
	if upload.target, err = r.uploadAddress(resp, digest); err != nil {
		return r.failure(c, registry.ErrMalformed, err)
	}
	upload.mediaType, upload.length, upload.body = "application/octet-stream", size, once(content)
	if resp, err = m.send(ctx, upload); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return r.refused(upload, resp)
	}
	resp.Body.Close()
	return nil
}

// once gives the content a single time, unless it can be wound back.
func once(content io.Reader) func() (io.ReadCloser, error) {
	begun := false
	return func() (io.ReadCloser, error) {
		if begun {
			seeker, ok := content.(io.Seeker)
			if !ok {
				return nil, errors.New("the content can be read only once")
			}
			if _, err := seeker.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
		}
		begun = true
		return io.NopCloser(content), nil
	}
}

// uploadAddress reads Location: relative, absolute, with the scheme seen
// behind a proxy, or without the path prefix that the registry is reached
// under. Another host gets nothing, because credentials would go there.
func (r *Registry) uploadAddress(resp *http.Response, digest oci.Digest) (*url.URL, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, errors.New("the registry opened an upload without saying where")
	}
	target, err := resp.Request.URL.Parse(location)
	if err != nil {
		return nil, errors.New("the address of the upload cannot be read")
	}
	base := r.connection.Base()
	if !sameHost(target.Host, base.Host) {
		return nil, fmt.Errorf("the registry wants the upload at another host, %q", clean(target.Host, 100))
	}
	target.Scheme, target.Host, target.User = base.Scheme, base.Host, nil
	if base.Path != "" && !strings.HasPrefix(target.Path, base.Path+"/") {
		target.Path, target.RawPath = base.Path+target.Path, ""
	}
	query := target.Query()
	query.Set("digest", string(digest))
	target.RawQuery = query.Encode()
	return target, nil
}
