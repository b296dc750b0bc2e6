package nexustest

import (
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// component is a tag: name is the image, version the tag.
type component struct {
	id            int
	name, version string
	created       time.Time
	assets        []*asset
}

func (c *component) number() int { return c.id }

// asset is a path of a repository: a tag, a manifest under its digest, or a
// blob. Only tags have a component.
type asset struct {
	id         int
	path       string // with a leading slash, whatever the dialect shows
	repo       *repo
	component  *component
	blob       *blob // nil: the row that names its content is missing
	created    time.Time
	downloaded time.Time
	facts      manifestFacts
}

func (a *asset) number() int { return a.id }

// modified is the time of the content, else of the row.
func (a *asset) modified() time.Time {
	if a.blob == nil {
		return a.created
	}
	return a.blob.created
}

func (a *asset) digest() oci.Digest {
	if a.blob == nil {
		return ""
	}
	return a.blob.digest
}

// repo is a repository with its rows, components and assets each in the order
// of their numbers.
type repo struct {
	Repository
	store      *store
	components []*component
	assets     []*asset
	byPath     map[string]*asset
}

func (r *repo) hosted() bool { return r.Type == "hosted" }

// numbering hands out row numbers. Tables are per format, shared by all its
// repositories; components and assets count separately.
type numbering struct{ components, assets, blobs int }

func tagPath(image, tag string) string             { return "/v2/" + image + "/manifests/" + tag }
func digestPath(image string, d oci.Digest) string { return tagPath(image, string(d)) }
func blobPath(d oci.Digest) string                 { return "/v2/-/blobs/" + string(d) }
func isDigestReference(reference string) bool      { return strings.Contains(reference, ":") }
func (r *repo) manifest(image, ref string) *asset  { return r.byPath[tagPath(image, ref)] }
func (r *repo) content(d oci.Digest) *asset        { return r.byPath[blobPath(d)] }
func imageOf(path string) (image, ref string, ok bool) {
	rest, found := strings.CutPrefix(path, "/v2/")
	if i := strings.LastIndex(rest, "/manifests/"); found && i > 0 {
		return rest[:i], rest[i+len("/manifests/"):], true
	}
	return "", "", false
}

// put writes an asset row: a new one, or the old one with other content.
func (s *Server) put(r *repo, path string, content *blob, at time.Time) *asset {
	a, exists := r.byPath[path]
	if !exists {
		n := s.numbers[r.Format]
		n.assets++
		a = &asset{id: n.assets, path: path, repo: r, created: at}
		r.assets = append(r.assets, a)
		r.byPath[path] = a
	}
	s.point(a, content, at)
	return a
}

// point makes an asset refer to other content.
func (s *Server) point(a *asset, content *blob, at time.Time) {
	old := a.blob
	if content != nil {
		content.refs++
	}
	a.blob = content
	if old != nil {
		s.letGo(old, at)
	}
}

// putTag writes a tag's component and asset.
func (s *Server) putTag(r *repo, image, tag string, content *blob, at time.Time) *asset {
	a := s.put(r, tagPath(image, tag), content, at)
	if a.component == nil {
		n := s.numbers[r.Format]
		n.components++
		c := &component{id: n.components, name: image, version: tag, created: at, assets: []*asset{a}}
		a.component = c
		r.components = append(r.components, c)
	}
	return a
}

// removeAsset deletes an asset row, and its component with the last of them.
func (s *Server) removeAsset(a *asset, at time.Time) {
	r := a.repo
	if i, found := position(r.assets, a.id); found {
		r.assets = slices.Delete(r.assets, i, i+1)
	}
	delete(r.byPath, a.path)
	s.point(a, nil, at)
	c := a.component
	if c == nil {
		return
	}
	c.assets = slices.DeleteFunc(c.assets, func(other *asset) bool { return other == a })
	if len(c.assets) == 0 {
		s.dropComponent(r, c)
	}
}

// removeComponent deletes a component with its assets; nothing else goes.
func (s *Server) removeComponent(r *repo, c *component, at time.Time) {
	for _, a := range slices.Clone(c.assets) {
		s.removeAsset(a, at)
	}
	s.dropComponent(r, c)
}

func (s *Server) dropComponent(r *repo, c *component) {
	if i, found := position(r.components, c.id); found {
		r.components = slices.Delete(r.components, i, i+1)
	}
}

// holders are the repositories whose content a repository shows: itself, or
// the members of a group in their order, groups in groups included.
func (s *Server) holders(r *repo) []*repo {
	if r.Type != "group" {
		return []*repo{r}
	}
	var all []*repo
	for _, name := range r.Members {
		if member := s.repoNamed(name); member != nil && member != r {
			all = append(all, s.holders(member)...)
		}
	}
	return all
}

func (s *Server) repoNamed(name string) *repo {
	for _, r := range s.repos {
		if r.Name == name {
			return r
		}
	}
	return nil
}
