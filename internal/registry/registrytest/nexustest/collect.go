package nexustest

import (
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// collect is what repository.docker.gc does to one repository, or to every
// hosted and proxy Docker repository for "*": untagged manifests that no
// remaining manifest lists go, then layers and configs that no remaining
// manifest names. Nothing younger than offset goes. With wide, a layer named
// by a manifest of any Docker repository stays.
func (s *Server) collect(name string, offset time.Duration, wide bool, at time.Time) {
	for _, r := range s.repos {
		if r.Type == "group" || name != "*" && r.Name != name {
			continue
		}
		old := func(a *asset) bool { return !a.modified().Add(offset).After(at) }
		live := s.liveManifests(r, old)
		for _, a := range slices.Clone(r.assets) {
			if _, _, manifest := imageOf(a.path); manifest && !live[a] {
				s.removeAsset(a, at)
			}
		}
		named := map[oci.Digest]bool{}
		for _, other := range s.repos {
			if other == r || wide {
				namedBlobs(other, named)
			}
		}
		for _, a := range slices.Clone(r.assets) {
			if strings.HasPrefix(a.path, "/v2/-/blobs/") && !named[a.digest()] && old(a) {
				s.removeAsset(a, at)
			}
		}
	}
}

// liveManifests are tags, what is too young to go, and everything those list.
func (s *Server) liveManifests(r *repo, old func(*asset) bool) map[*asset]bool {
	live := map[*asset]bool{}
	var keep func(image string, a *asset)
	keep = func(image string, a *asset) {
		if a == nil || live[a] {
			return
		}
		live[a] = true
		keep(image, r.byPath[digestPath(image, a.digest())])
		for _, child := range a.decoded().Children {
			keep(image, r.byPath[digestPath(image, child.Digest)])
		}
	}
	for _, a := range r.assets {
		if image, _, ok := imageOf(a.path); ok && (a.component != nil || !old(a)) {
			keep(image, a)
		}
	}
	for again := s.options.KeepReferrers; again; {
		before := len(live)
		for _, a := range r.assets {
			image, _, ok := imageOf(a.path)
			if subject := a.decoded().Subject; ok && subject != nil && live[r.byPath[digestPath(image, subject.Digest)]] {
				keep(image, a)
			}
		}
		again = len(live) > before
	}
	return live
}

func namedBlobs(r *repo, named map[oci.Digest]bool) {
	for _, a := range r.assets {
		if _, _, ok := imageOf(a.path); !ok {
			continue
		}
		manifest := a.decoded()
		if manifest.Config != nil {
			named[manifest.Config.Digest] = true
		}
		for _, layer := range manifest.Layers {
			named[layer.Digest] = true
		}
	}
}

// decoded is a manifest asset's document; the zero manifest for anything else.
func (a *asset) decoded() oci.Manifest {
	if a.blob == nil || !a.facts.manifest {
		return oci.Manifest{}
	}
	manifest, err := oci.DecodeManifest(a.blob.contentType, a.blob.body)
	if err != nil {
		return oci.Manifest{}
	}
	return manifest
}
