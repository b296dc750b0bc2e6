package nexustest

import (
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Tags are an image's tags with their digests ("" where the row of the content
// is missing). Looking this way counts as no use.
func (s *Server) Tags(repository, image string) map[string]oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := map[string]oci.Digest{}
	for _, found := range s.mustRepo(repository).components {
		if found.name != image {
			continue
		}
		tags[found.version] = ""
		for _, a := range found.assets {
			tags[found.version] = a.digest()
		}
	}
	return tags
}

// HasManifest says whether a repository has an asset for a tag or digest.
func (s *Server) HasManifest(repository, image, reference string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustRepo(repository).manifest(image, reference) != nil
}

// HasBlob says whether a repository has a layer or config.
func (s *Server) HasBlob(repository string, digest oci.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustRepo(repository).content(digest) != nil
}

// Whole says what is missing for a pull of a tag or digest with everything
// below it, nil when nothing is.
func (s *Server) Whole(repository, image, reference string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole(s.mustRepo(repository), image, reference)
}

func (s *Server) whole(r *repo, image, reference string) error {
	a := s.manifestAsset(r, image, reference)
	switch {
	case a == nil:
		return fmt.Errorf("%s/%s: no manifest %s", r.Name, image, reference)
	case !a.blob.softDeleted.IsZero():
		return fmt.Errorf("%s/%s: content of manifest %s is deleted", r.Name, image, reference)
	}
	manifest := a.decoded()
	blobs := manifest.Layers
	if manifest.Config != nil {
		blobs = append([]oci.Descriptor{*manifest.Config}, blobs...)
	}
	for _, blob := range blobs {
		if a := r.content(blob.Digest); a == nil || a.blob == nil || !a.blob.softDeleted.IsZero() {
			return fmt.Errorf("%s/%s:%s: no blob %s", r.Name, image, reference, blob.Digest)
		}
	}
	for _, child := range manifest.Children {
		if err := s.whole(r, image, string(child.Digest)); err != nil {
			return fmt.Errorf("%s/%s:%s: %w", r.Name, image, reference, err)
		}
	}
	return nil
}

// LastDownloads are the lastDownloaded times of all assets of a repository by
// path, zero for never.
func (s *Server) LastDownloads(repository string) map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]time.Time{}
	for _, a := range s.mustRepo(repository).assets {
		times[a.path] = a.downloaded
	}
	return times
}

// SetLastDownloaded sets when a tag or digest of an image was last pulled;
// zero for never.
func (s *Server) SetLastDownloaded(repository, image, reference string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mustManifest(s.mustRepo(repository), image, reference).downloaded = at
}

// DeleteTag deletes a tag's component, as somebody else's client would.
func (s *Server) DeleteTag(repository, image, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	s.removeComponent(r, mustManifest(r, image, tag).component, s.now())
}

// ComponentID is the REST id of a tag's component.
func (s *Server) ComponentID(repository, image, tag string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	return s.rel.itemID(r.Name, mustManifest(r, image, tag).component)
}

// DropContent makes a tag's asset lose the row that names its content: REST
// then shows no checksum, no type and no size.
func (s *Server) DropContent(repository, image, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.point(mustManifest(s.mustRepo(repository), image, tag), nil, s.now())
}

// Hollow makes a tag's component lose its asset.
func (s *Server) Hollow(repository, image, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	a := mustManifest(r, image, tag)
	found := a.component
	a.component, found.assets = nil, nil
	s.removeAsset(a, s.now())
}

// AddDigestComponent adds a component whose version is a digest, over the
// asset of that digest, as some OrientDB servers are suspected to show.
func (s *Server) AddDigestComponent(repository, image string, digest oci.Digest, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	a := mustManifest(r, image, string(digest))
	s.putTag(r, image, string(digest), a.blob, at).facts = a.facts
}

// Storage is what lies in a blob store.
type Storage struct {
	Blobs, SoftDeleted      int // Blobs includes the soft-deleted
	Bytes, SoftDeletedBytes int64
	Unreferenced            int // live, but no asset names them
	UnreferencedBytes       int64
}

// Stored is what lies in a blob store now, whatever its metrics show.
func (s *Server) Stored(blobStore string) Storage {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.storeNamed(blobStore)
	if st == nil {
		panic("nexustest: no blob store " + blobStore)
	}
	total := Storage{Blobs: st.count, Bytes: st.bytes}
	for b := range st.blobs {
		switch {
		case !b.softDeleted.IsZero():
			total.SoftDeleted++
			total.SoftDeletedBytes += int64(len(b.body))
		case b.refs == 0:
			total.Unreferenced++
			total.UnreferencedBytes += int64(len(b.body))
		}
	}
	return total
}

// Paths are the paths of all assets of a repository, with a leading slash, in
// the order of their rows.
func (s *Server) Paths(repository string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for _, a := range s.mustRepo(repository).assets {
		paths = append(paths, a.path)
	}
	return paths
}
