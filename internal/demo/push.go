package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// pusher pushes images. The first error stays; what follows does nothing.
type pusher struct {
	ctx    context.Context
	base   string
	now    time.Time
	client *http.Client
	blobs  map[string]bool // repository and digest
	layers map[string]layer
	images int
	err    error
}

type layer struct {
	digest oci.Digest
	body   []byte
}

func newPusher(ctx context.Context, host string, now time.Time) *pusher {
	return &pusher{ctx: ctx, base: "http://" + host + "/v2/", now: now, client: &http.Client{Timeout: time.Minute}, blobs: map[string]bool{}, layers: map[string]layer{}}
}

// send makes one request and wants this status.
func (p *pusher) send(method, address string, body []byte, contentType string, want int) *http.Response {
	if p.err != nil {
		return nil
	}
	req, err := http.NewRequestWithContext(p.ctx, method, address, bytes.NewReader(body))
	if err != nil {
		p.err = err
		return nil
	}
	req.Header.Set("Content-Type", contentType)
	res, err := p.client.Do(req)
	if err != nil {
		p.err = err
		return nil
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if res.StatusCode != want {
		p.err = fmt.Errorf("%s %s: %s: %s", method, address, res.Status, said)
		return nil
	}
	return res
}

// blob uploads bytes in one piece, once per repository.
func (p *pusher) blob(repository string, body []byte) oci.Digest {
	digest := oci.FromBytes(body)
	if key := repository + "@" + string(digest); p.err != nil || p.blobs[key] {
		return digest
	} else {
		p.blobs[key] = true
	}
	res := p.send(http.MethodPost, p.base+repository+"/blobs/uploads/", nil, "", http.StatusAccepted)
	if res == nil {
		return digest
	}
	place, err := res.Location()
	if err != nil {
		p.err = err
		return digest
	}
	query := place.Query()
	query.Set("digest", string(digest))
	place.RawQuery = query.Encode()
	p.send(http.MethodPut, place.String(), body, "application/octet-stream", http.StatusCreated)
	return digest
}

// content is a layer that looks like a compressed one: nothing repeats.
func (p *pusher) content(seed string, size int) layer {
	if made, known := p.layers[seed]; known {
		return made
	}
	var key [32]byte
	copy(key[:], oci.FromBytes([]byte(seed))[7:])
	body := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(body)
	made := layer{oci.FromBytes(body), body}
	p.layers[seed] = made
	return made
}

func (p *pusher) manifest(repository, reference string, d descriptor, body []byte) {
	p.send(http.MethodPut, p.base+repository+"/manifests/"+url.PathEscape(reference), body, d.MediaType, http.StatusCreated)
}

// descriptor points at content, as manifests do (image-spec, "Descriptor").
type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    oci.Digest    `json:"digest"`
	Size      int           `json:"size"`
	Platform  *oci.Platform `json:"platform,omitempty"`
}

type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

const (
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	mediaCosign   = "application/vnd.dev.cosign.simplesigning.v1+json"
)

// put stores a document under its tags, or under its digest where it has none.
func (p *pusher) put(repository string, doc document, tags ...string) descriptor {
	body, err := json.Marshal(doc)
	if err != nil && p.err == nil {
		p.err = err
	}
	d := descriptor{MediaType: doc.MediaType, Digest: oci.FromBytes(body), Size: len(body)}
	if len(tags) == 0 {
		tags = []string{string(d.Digest)}
	}
	for _, tag := range tags {
		p.manifest(repository, tag, d, body)
	}
	return d
}
