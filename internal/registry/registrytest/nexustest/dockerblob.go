package nexustest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// upload is a blob on its way in.
type upload struct {
	r       *repo
	body    []byte
	started time.Time
}

func (s *Server) purgeUploads(age time.Duration, at time.Time) {
	for id, u := range s.uploads {
		if !u.started.Add(age).After(at) {
			delete(s.uploads, id)
		}
	}
}

func (s *Server) serveBlob(c *call, d door, image, reference string) {
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		c.registryError(http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
		return
	}
	for _, holder := range s.holders(d.r) {
		if a := holder.byPath["/v2/-/blobs/"+reference]; a != nil && a.blob != nil {
			c.header.Set("Docker-Content-Digest", string(a.digest()))
			s.deliver(c, a)
			return
		}
	}
	c.registryError(http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry", object{{"digest", reference}})
}

func (s *Server) serveUpload(c *call, d door, image, id string) {
	if c.Method == http.MethodPost && id == "" {
		s.beginUpload(c, d, image)
		return
	}
	u := s.uploads[id]
	if u == nil || u.r != d.r {
		c.registryError(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	switch c.Method {
	case http.MethodPatch:
		u.body = append(u.body, c.sent...)
		c.progress(d, image, id, u, http.StatusAccepted)
	case http.MethodPut:
		u.body = append(u.body, c.sent...)
		delete(s.uploads, id)
		s.endUpload(c, d, image, u.body)
	case http.MethodGet:
		c.progress(d, image, id, u, http.StatusNoContent)
	case http.MethodDelete:
		delete(s.uploads, id)
		c.empty(http.StatusNoContent)
	default:
		c.registryError(http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}

// progress tells where to go on. The path lacks whatever stands before /v2:
// right on a connector, wrong below /repository, as observed.
func (c *call) progress(d door, image, id string, u *upload, status int) {
	d.prefix = ""
	c.header.Set("Location", d.url(image, "/blobs/uploads/"+id))
	c.header.Set("Docker-Upload-UUID", id)
	c.header.Set("Range", "0-"+strconv.Itoa(max(0, len(u.body)-1)))
	c.status = status
}

func (s *Server) beginUpload(c *call, d door, image string) {
	query := c.URL.Query()
	if s.mount(d, query.Get("mount"), query.Get("from"), c) {
		digest := query.Get("mount")
		c.header.Set("Location", d.url(image, "/blobs/"+digest))
		c.header.Set("Docker-Content-Digest", digest)
		c.status = http.StatusCreated
		return
	}
	if query.Has("digest") {
		s.endUpload(c, d, image, c.sent)
		return
	}
	id := s.draw("upload")
	u := &upload{r: d.r, started: c.now}
	s.uploads[id] = u
	c.progress(d, image, id, u, http.StatusAccepted)
}

func (s *Server) endUpload(c *call, d door, image string, body []byte) {
	digest := oci.FromBytes(body)
	if c.URL.Query().Get("digest") != string(digest) {
		c.registryError(http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	s.storeBlob(d.r, body, "application/octet-stream", c.author(), c.now)
	c.header.Set("Location", d.url(image, "/blobs/"+string(digest)))
	c.header.Set("Docker-Content-Digest", string(digest))
	c.status = http.StatusCreated
}

// storeBlob writes a layer or config, once per repository.
func (s *Server) storeBlob(r *repo, body []byte, mediaType string, by author, at time.Time) oci.Digest {
	digest := oci.FromBytes(body)
	if r.content(digest) == nil {
		s.put(r, blobPath(digest), s.newBlob(r, body, mediaType, by, at), at)
	}
	return digest
}

// mount makes a blob of this repository, or of another hosted one that the
// caller may read and whose name begins from, known here. On the same blob
// store the content is shared, else copied.
func (s *Server) mount(d door, digest, from string, c *call) bool {
	if digest == "" {
		return false
	}
	if d.r.byPath["/v2/-/blobs/"+digest] != nil {
		return true
	}
	name, _, _ := strings.Cut(from, "/")
	other := s.repoNamed(name)
	if other == nil || !c.who.may(other, "read") {
		return false
	}
	a := other.byPath["/v2/-/blobs/"+digest]
	if a == nil || a.blob == nil {
		return false
	}
	s.share(d.r, a.blob, c.author(), c.now)
	return true
}

// share puts another repository's content into r.
func (s *Server) share(r *repo, content *blob, by author, at time.Time) {
	if content.store != r.store || content.format != r.Format {
		content = s.newBlob(r, content.body, content.contentType, by, at)
	}
	s.put(r, blobPath(content.digest), content, at)
}
