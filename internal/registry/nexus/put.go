package nexus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// PutManifest stores a manifest through the registry API of the repository. It
// is how a removed tag comes back while its manifest is still there.
func (m Mutator) PutManifest(ctx context.Context, name, reference string, manifest oci.RawManifest) error {
	at, image, err := m.content(ctx, "put manifest", name)
	if err != nil {
		return err
	}
	digest := oci.FromBytes(manifest.Body)
	if manifest.Digest.Algorithm() == "sha256" && manifest.Digest != digest {
		return m.r.client.fail(call{op: at.op, repository: name, reference: reference}, registry.ErrMalformed, "",
			fmt.Errorf("the manifest to put has the digest %s, not %s", digest, manifest.Digest))
	}
	call := m.r.contentCall(at, image, "manifests", reference)
	call.method, call.changes, call.once = http.MethodPut, true, true
	call.missing = at.repo.privilege("add") + " or " + at.repo.privilege("edit")
	call.header = http.Header{"Content-Type": {manifest.MediaType}, "Accept": {"*/*"}}
	call.body = manifest.Body
	response, err := m.r.client.send(ctx, call)
	if err != nil {
		return err
	}
	response.Body.Close()
	if named := response.Header.Get("Docker-Content-Digest"); named != "" && named != string(digest) {
		return m.r.client.fail(call, registry.ErrMalformed, "", fmt.Errorf("it was stored as %s, not as %s", named, digest))
	}
	return nil
}

// PutBlob stores a blob, unless the repository has it.
func (m Mutator) PutBlob(ctx context.Context, name string, digest oci.Digest, size int64, content io.Reader) error {
	at, image, err := m.content(ctx, "put blob", name)
	if err != nil {
		return err
	}
	look := m.r.contentCall(at, image, "blobs", string(digest))
	look.method = http.MethodHead
	if response, err := m.r.client.send(ctx, look); err == nil {
		response.Body.Close()
		return nil
	}
	start := m.r.contentCall(at, image, "blobs", "uploads/")
	start.method, start.changes, start.once, start.reference = http.MethodPost, true, true, string(digest)
	start.missing = at.repo.privilege("add")
	response, err := m.r.client.send(ctx, start)
	if err != nil {
		return err
	}
	response.Body.Close()
	path, query, err := m.upload(at, image, response.Header.Get("Location"))
	if err != nil {
		return m.r.client.fail(start, registry.ErrMalformed, "", err)
	}
	query.Set("digest", string(digest))
	finish := start
	finish.method, finish.path, finish.query = http.MethodPut, path, query
	finish.header = http.Header{"Content-Type": {"application/octet-stream"}, "Accept": {"*/*"}}
	finish.stream, finish.length = io.NopCloser(content), size // closing it is the business of the caller
	response, err = m.r.client.send(ctx, finish)
	if err != nil {
		return err
	}
	response.Body.Close()
	return nil
}

// upload is where the body of an upload goes. The Location of some versions
// lacks the prefix of the repository, and none may lead elsewhere.
func (m Mutator) upload(at callContext, image, location string) (string, url.Values, error) {
	target, err := url.Parse(location)
	if err != nil || location == "" {
		return "", nil, fmt.Errorf("an upload without a place to send it to")
	}
	_, session, found := strings.Cut(target.Path, "/v2/"+image+"/blobs/uploads/")
	if !found || session == "" {
		return "", nil, fmt.Errorf("an upload of %s at %s", image, target.Path)
	}
	return contentPath(at.repo.Name, image) + "/blobs/uploads/" + session, target.Query(), nil
}

func (m Mutator) content(ctx context.Context, op, name string) (callContext, string, error) {
	repo, image, err := m.r.open(ctx, op, name)
	return callContext{Context: ctx, op: op, name: name, repo: repo}, image, err
}
