package nexus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

const manifestLimit = 16 << 20

// contentCall is a request to the registry API of the image's repository,
// which every version serves below the base URL without a connector.
func (r *Registry) contentCall(at callContext, image, kind, reference string) call {
	accept := "*/*"
	if kind == "manifests" {
		accept = strings.Join(oci.AcceptManifests, ", ")
	}
	return call{
		op: at.op, path: contentPath(at.repo.Name, image) + "/" + kind + "/" + reference,
		header: http.Header{"Accept": {accept}}, repository: at.name, reference: reference,
		missing: at.repo.privilege("read"),
	}
}

func contentPath(repository, image string) string {
	return "/repository/" + repository + "/v2/" + image
}

// Manifest fetches a manifest, always by digest: Nexus marks what is fetched
// as used, and a tag must not be. The digest alias of the manifest is marked.
func (r *Registry) Manifest(ctx context.Context, name, reference string) (oci.RawManifest, error) {
	digest, err := oci.ParseDigest(reference)
	if err != nil {
		descriptor, err := r.Head(ctx, name, reference)
		if err != nil {
			return oci.RawManifest{}, err
		}
		digest = descriptor.Digest
	}
	repo, image, err := r.open(ctx, "read manifest", name)
	if err != nil {
		return oci.RawManifest{}, err
	}
	at := callContext{Context: ctx, op: "read manifest", name: name, repo: repo}
	call := r.contentCall(at, image, "manifests", string(digest))
	response, err := r.client.send(ctx, call)
	if err != nil {
		return oci.RawManifest{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, manifestLimit+1))
	switch {
	case ctx.Err() != nil:
		return oci.RawManifest{}, ctx.Err()
	case err != nil:
		return oci.RawManifest{}, r.client.fail(call, registry.ErrUnavailable, "", fmt.Errorf("the answer broke off: %w", err))
	case len(body) > manifestLimit:
		return oci.RawManifest{}, r.client.fail(call, registry.ErrMalformed, "", fmt.Errorf("a manifest of more than %d MiB", manifestLimit>>20))
	}
	if err := digest.Verify(body); err != nil {
		return oci.RawManifest{}, r.client.fail(call, registry.ErrMalformed, "", err)
	}
	if named := response.Header.Get("Docker-Content-Digest"); named != "" && named != string(digest) {
		return oci.RawManifest{}, r.client.fail(call, registry.ErrMalformed, "", fmt.Errorf("the registry names it %s", named))
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return oci.RawManifest{MediaType: strings.TrimSpace(mediaType), Digest: digest, Body: body}, nil
}

type blob struct {
	io.ReadCloser
	size int64
}

func (b blob) Size() int64 { return b.size }

// Blob opens a blob. A redirect to the store behind Nexus is followed, without
// credentials where it leads to another host.
func (r *Registry) Blob(ctx context.Context, name string, digest oci.Digest) (registry.Blob, error) {
	repo, image, err := r.open(ctx, "read blob", name)
	if err != nil {
		return nil, err
	}
	if digest == "" {
		return nil, r.client.fail(call{op: "read blob", repository: name}, registry.ErrMalformed, "", errors.New("no digest"))
	}
	call := r.contentCall(callContext{Context: ctx, op: "read blob", name: name, repo: repo}, image, "blobs", string(digest))
	call.follow = true
	response, err := r.client.send(ctx, call)
	if err != nil {
		return nil, err
	}
	return blob{response.Body, response.ContentLength}, nil
}
