package world

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// Push uploads the world to the registry at host (host:port, plain HTTP): in
// each repository blobs first, then manifests from the leaves up, then tags;
// lost manifests are uploaded and deleted again at the end.
func (w *World) Push(ctx context.Context, host string) error {
	c := newClient(host)
	defer c.close()
	for _, name := range w.Names() {
		if err := w.pushRepository(ctx, c, w.Repositories[name]); err != nil {
			return fmt.Errorf("push %s: %w", name, err)
		}
	}
	return nil
}

func (w *World) pushRepository(ctx context.Context, c *client, r *Repository) error {
	sent := map[oci.Digest]bool{}
	for _, m := range r.inOrder() {
		for _, digest := range append([]oci.Digest{m.Config}, m.Layers...) {
			content, here := w.Blobs[digest]
			if sent[digest] || !here {
				continue
			}
			sent[digest] = true
			if err := c.pushBlob(ctx, r.Name, digest, content); err != nil {
				return err
			}
		}
		if err := c.pushManifest(ctx, r.Name, string(m.Digest), m); err != nil {
			return err
		}
	}
	for _, tag := range sortedKeys(r.Tags) {
		m := r.Manifests[r.Tags[tag]]
		if m == nil {
			return fmt.Errorf("tag %s points at %s, which is not there", tag, r.Tags[tag])
		}
		if err := c.pushManifest(ctx, r.Name, tag, m); err != nil {
			return err
		}
	}
	for _, digest := range sortedKeys(r.Lost) {
		if _, err := c.want(ctx, http.MethodDelete, r.Name+"/manifests/"+string(digest), "", nil, http.StatusAccepted); err != nil {
			return err
		}
	}
	return nil
}

// inOrder lists manifests so that whatever one points at comes before it.
func (r *Repository) inOrder() []*Manifest {
	var order []*Manifest
	done := map[oci.Digest]bool{}
	var visit func(oci.Digest)
	visit = func(digest oci.Digest) {
		m := r.Manifests[digest]
		if m == nil {
			m = r.Lost[digest]
		}
		if m == nil || done[digest] {
			return
		}
		done[digest] = true
		for _, child := range m.Children {
			visit(child.Digest)
		}
		visit(m.Subject)
		order = append(order, m)
	}
	for _, digest := range sortedKeys(r.Lost) {
		visit(digest)
	}
	for _, digest := range sortedKeys(r.Manifests) {
		visit(digest)
	}
	return order
}

func (c *client) pushBlob(ctx context.Context, repository string, digest oci.Digest, content []byte) error {
	start, err := c.want(ctx, http.MethodPost, repository+"/blobs/uploads/", "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	location := start.header.Get("Location")
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	_, err = c.want(ctx, http.MethodPut, location+separator+"digest="+url.QueryEscape(string(digest)),
		"application/octet-stream", content, http.StatusCreated)
	return err
}

func (c *client) pushManifest(ctx context.Context, repository, reference string, m *Manifest) error {
	_, err := c.want(ctx, http.MethodPut, repository+"/manifests/"+reference, m.MediaType, m.Body, http.StatusCreated)
	return err
}
