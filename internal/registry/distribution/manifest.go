package distribution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// mostOfAManifest is the size that registries accept at most
// (distribution-spec, "Pushing Manifests").
const mostOfAManifest = 4 << 20

const digestHeader = "Docker-Content-Digest"

// Head implements registry.Reader. Where the registry has no HEAD or names no
// digest, the manifest itself is asked for.
func (r *Registry) Head(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
	c, err := r.reading("look at manifest", http.MethodHead, repository, "/manifests/"+reference, reference)
	if err != nil {
		return oci.Descriptor{}, err
	}
	asked, err := r.checkReference(c)
	if err != nil {
		return oci.Descriptor{}, err
	}
	c.header = acceptsManifests
	resp, err := r.send(ctx, r.connection.Reading(), c)
	if err != nil {
		return oci.Descriptor{}, err
	}
	resp.Body.Close()
	named := digestNamed(resp)
	switch {
	case resp.StatusCode == http.StatusMethodNotAllowed, resp.StatusCode == http.StatusOK && named == "":
		raw, err := r.Manifest(ctx, repository, reference)
		return oci.Descriptor{MediaType: raw.MediaType, Digest: raw.Digest, Size: int64(len(raw.Body))}, err
	case resp.StatusCode != http.StatusOK:
		return oci.Descriptor{}, r.refused(c, resp)
	}
	digest, err := oci.ParseDigest(named)
	if err != nil {
		return oci.Descriptor{}, r.failure(c, registry.ErrMalformed, err)
	}
	if asked != "" && asked.Algorithm() == digest.Algorithm() && asked != digest {
		return oci.Descriptor{}, r.failure(c, registry.ErrMalformed, fmt.Errorf("the registry answers with %s", digest))
	}
	if asked != "" {
		digest = asked
	}
	return oci.Descriptor{MediaType: mediaTypeOf(resp), Digest: digest, Size: max(0, resp.ContentLength)}, nil
}

// Manifest implements registry.Reader.
func (r *Registry) Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
	c, err := r.reading("read manifest", http.MethodGet, repository, "/manifests/"+reference, reference)
	if err != nil {
		return oci.RawManifest{}, err
	}
	asked, err := r.checkReference(c)
	if err != nil {
		return oci.RawManifest{}, err
	}
	c.header = acceptsManifests
	resp, body, err := r.fetch(ctx, c, mostOfAManifest)
	if err != nil {
		return oci.RawManifest{}, err
	}
	raw := oci.RawManifest{MediaType: servedAs(mediaTypeOf(resp), body), Body: body}
	var named oci.Digest
	if header := digestNamed(resp); header != "" {
		if named, err = oci.ParseDigest(header); err != nil {
			return oci.RawManifest{}, r.failure(c, registry.ErrMalformed, err)
		}
	}
	if raw.Digest, err = identify(raw, asked, named); err != nil {
		return oci.RawManifest{}, r.failure(c, registry.ErrMalformed, err)
	}
	return raw, nil
}

// digestNamed is the digest that an answer names. It is a copy: net/http cuts
// the values of headers out of one text, which a digest that is kept would keep.
func digestNamed(resp *http.Response) string { return strings.Clone(resp.Header.Get(digestHeader)) }

// identify computes the digest and compares it with the one asked for and the
// one the registry named, each by its own algorithm.
func identify(raw oci.RawManifest, asked, named oci.Digest) (oci.Digest, error) {
	content := raw.Body
	if raw.MediaType == oci.MediaTypeSignedSchema1 {
		payload, err := signedPayload(raw.Body)
		if err != nil {
			return "", err
		}
		content = payload
	}
	if named == asked {
		named = "" // it is verified once
	}
	for _, claimed := range []oci.Digest{asked, named} {
		if claimed == "" {
			continue
		}
		if err := claimed.Verify(content); err != nil {
			return "", err
		}
	}
	switch {
	case asked != "":
		return asked, nil
	case named != "":
		return named, nil
	}
	return oci.FromBytes(content), nil
}

// servedAs takes the manifest's own word where the registry only says that it
// is data of some kind.
func servedAs(served string, body []byte) string {
	switch served {
	case "", "application/json", "application/octet-stream", "text/plain":
		var document struct {
			MediaType string `json:"mediaType"`
		}
		if json.Unmarshal(body, &document) == nil && document.MediaType != "" {
			return document.MediaType
		}
	}
	return served
}

// signedPayload is what a signed schema 1 manifest's digest is computed over:
// the document as it was before its signatures were put in.
func signedPayload(body []byte) ([]byte, error) {
	var document struct {
		Signatures []struct {
			Protected rawBase64 `json:"protected"`
		} `json:"signatures"`
	}
	var protected struct {
		FormatLength int       `json:"formatLength"`
		FormatTail   rawBase64 `json:"formatTail"`
	}
	if err := json.Unmarshal(body, &document); err != nil || len(document.Signatures) == 0 {
		return nil, errors.New("a signed manifest without signatures")
	}
	if err := json.Unmarshal(document.Signatures[0].Protected, &protected); err != nil {
		return nil, errors.New("a signed manifest with a header that cannot be read")
	}
	if protected.FormatLength <= 0 || protected.FormatLength > len(body) {
		return nil, errors.New("a signed manifest whose header does not fit")
	}
	payload := append([]byte{}, body[:protected.FormatLength]...)
	return append(payload, protected.FormatTail...), nil
}
