package world

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// State is what a registry answered when every question was put to it.
type State struct {
	Repositories map[string]*Contents
}

// Contents is what is in one repository.
type Contents struct {
	Tags map[string]oci.Digest
	// Manifests that are served by digest.
	Manifests map[oci.Digest]*Manifest
	// Blobs of those manifests that are served.
	Blobs map[oci.Digest]bool
	// Referrers by subject, sorted, as the registry's API lists them; nil where
	// it has none.
	Referrers map[oci.Digest][]oci.Digest
}

// NewContents is an empty repository.
func NewContents() *Contents {
	return &Contents{Tags: map[string]oci.Digest{}, Manifests: map[oci.Digest]*Manifest{}, Blobs: map[oci.Digest]bool{}}
}

// Read looks at the repositories named in ask, over plain HTTP: their tags,
// everything that can be reached from them, and the digests in ask, which no
// registry lists (World.Digests has them).
func Read(ctx context.Context, host string, ask map[string][]oci.Digest) (*State, error) {
	c := newClient(host)
	defer c.close()
	state := &State{Repositories: map[string]*Contents{}}
	for _, name := range sortedKeys(ask) {
		contents, err := c.read(ctx, name, ask[name])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		state.Repositories[name] = contents
	}
	return state, nil
}

func (c *client) read(ctx context.Context, repository string, ask []oci.Digest) (*Contents, error) {
	contents := NewContents()
	tags, err := c.tags(ctx, repository)
	if err != nil {
		return nil, err
	}
	queue := slices.Clone(ask)
	for _, tag := range tags {
		m, err := c.manifest(ctx, repository, tag)
		if err != nil {
			return nil, err
		}
		if m != nil { // a tag that is listed and not served is no tag
			contents.Tags[tag] = m.Digest
			queue = append(queue, m.Digest)
		}
	}
	asked := map[oci.Digest]bool{}
	for len(queue) > 0 {
		digest := queue[0]
		queue = queue[1:]
		if digest == "" || asked[digest] {
			continue
		}
		asked[digest] = true
		m, err := c.manifest(ctx, repository, string(digest))
		if err != nil {
			return nil, err
		}
		referrers, supported, err := c.referrers(ctx, repository, digest)
		if err != nil {
			return nil, err
		}
		if supported {
			if contents.Referrers == nil {
				contents.Referrers = map[oci.Digest][]oci.Digest{}
			}
			contents.Referrers[digest] = referrers
			queue = append(queue, referrers...)
		}
		if m == nil {
			continue
		}
		if m.Digest != digest {
			return nil, fmt.Errorf("asked for %s and was given %s", digest, m.Digest)
		}
		contents.Manifests[digest] = m
		queue = append(queue, m.Subject)
		for _, child := range m.Children {
			queue = append(queue, child.Digest)
		}
		if err := c.blobs(ctx, repository, m, contents.Blobs); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// tags follows Link headers; where there are none the first page is all.
func (c *client) tags(ctx context.Context, repository string) ([]string, error) {
	var tags []string
	for path := "/v2/" + repository + "/tags/list"; path != ""; {
		page, err := c.want(ctx, http.MethodGet, path, "", nil, http.StatusOK, http.StatusNotFound)
		if err != nil || page.status == http.StatusNotFound {
			return tags, err
		}
		var list struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(page.body, &list); err != nil {
			return nil, err
		}
		tags = append(tags, list.Tags...)
		path, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
	}
	return tags, nil
}

// manifest is nil where there is none.
func (c *client) manifest(ctx context.Context, repository, reference string) (*Manifest, error) {
	a, err := c.want(ctx, http.MethodGet, repository+"/manifests/"+reference, "", nil, http.StatusOK, http.StatusNotFound)
	if err != nil || a.status == http.StatusNotFound {
		return nil, err
	}
	return Parse(a.header.Get("Content-Type"), a.body), nil
}

func (c *client) referrers(ctx context.Context, repository string, subject oci.Digest) (list []oci.Digest, supported bool, err error) {
	a, err := c.want(ctx, http.MethodGet, repository+"/referrers/"+url.PathEscape(string(subject)), "", nil, http.StatusOK, http.StatusNotFound)
	if err != nil || a.status == http.StatusNotFound {
		return nil, false, err
	}
	for _, child := range Parse(oci.MediaTypeIndex, a.body).Children {
		list = append(list, child.Digest)
	}
	slices.Sort(list)
	return list, true, nil
}

func (c *client) blobs(ctx context.Context, repository string, m *Manifest, found map[oci.Digest]bool) error {
	for _, digest := range append([]oci.Digest{m.Config}, m.Layers...) {
		if _, asked := found[digest]; digest == "" || asked {
			continue
		}
		a, err := c.want(ctx, http.MethodHead, repository+"/blobs/"+string(digest), "", nil, http.StatusOK, http.StatusNotFound)
		if err != nil {
			return err
		}
		found[digest] = a.status == http.StatusOK
	}
	return nil
}

// State is what a registry with exactly this content answers.
func (w *World) State() *State {
	state := &State{Repositories: map[string]*Contents{}}
	for name, r := range w.Repositories {
		contents := NewContents()
		for tag, digest := range r.Tags {
			contents.Tags[tag] = digest
		}
		for digest, m := range r.Manifests {
			contents.Manifests[digest] = m
			for _, blob := range append([]oci.Digest{m.Config}, m.Layers...) {
				if blob != "" {
					_, contents.Blobs[blob] = w.Blobs[blob]
				}
			}
		}
		state.Repositories[name] = contents
	}
	return state
}
