package nexustest

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

func (s *Server) serveManifest(c *call, d door, image, reference string) {
	switch c.Method {
	case http.MethodGet, http.MethodHead:
		s.getManifest(c, d, image, reference)
	case http.MethodPut:
		s.putManifest(c, d, image, reference)
	case http.MethodDelete:
		s.deleteManifest(c, d, image, reference)
	default:
		c.registryError(http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}

func (c *call) manifestUnknown(image, reference string) {
	c.registryError(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown", object{{"Name", image}}, object{{"Revision", reference}})
}

// manifestAsset is what a pull resolves to. Where a delete by digest leaves
// the tags behind, a tag without its manifest cannot be pulled.
func (s *Server) manifestAsset(r *repo, image, reference string) *asset {
	for _, holder := range s.holders(r) {
		a := holder.manifest(image, reference)
		if a == nil || a.blob == nil {
			continue
		}
		if s.rel.digestDeleteLeavesTags() && a.component != nil && holder.byPath[digestPath(image, a.digest())] == nil {
			continue
		}
		return a
	}
	return nil
}

func (s *Server) getManifest(c *call, d door, image, reference string) {
	a := s.manifestAsset(d.r, image, reference)
	if a == nil || !accepts(c, a.blob.contentType) {
		c.manifestUnknown(image, reference)
		return
	}
	c.header.Set("Docker-Content-Digest", string(a.digest()))
	s.deliver(c, a)
}

// accepts says whether the caller will take a manifest as it was pushed;
// without the right list Nexus converts to schema 1 or finds nothing, and
// there is no schema 1 here.
func accepts(c *call, mediaType string) bool {
	for _, header := range c.Request.Header.Values("Accept") {
		for entry := range strings.SplitSeq(header, ",") {
			parsed, _, err := mime.ParseMediaType(entry)
			if err == nil && (parsed == mediaType || parsed == "*/*" || parsed == "application/*") {
				return true
			}
		}
	}
	return false
}

// deliver answers with an asset's content and notes the use.
func (s *Server) deliver(c *call, a *asset) {
	b := a.blob
	c.status = http.StatusOK
	c.header.Set("Content-Type", b.contentType)
	c.header.Set("Content-Length", fmt.Sprint(len(b.body)))
	c.header.Set("Last-Modified", b.created.UTC().Format(http.TimeFormat))
	c.header.Set("ETag", `"`+b.sha1+`"`)
	if c.Method == http.MethodGet || !s.options.HeadIsNoDownload {
		a.used(c.now)
	}
	if c.Request.Header.Get("If-None-Match") == `"`+b.sha1+`"` {
		c.header.Del("Content-Length")
		c.status = http.StatusNotModified
		return
	}
	if c.Method == http.MethodGet {
		c.body.Write(b.body)
	}
}

// downloadThrottle is how rarely lastDownloaded is written.
const downloadThrottle = 12 * time.Hour

func (a *asset) used(at time.Time) {
	if a.downloaded.IsZero() || !at.Before(a.downloaded.Add(downloadThrottle)) {
		a.downloaded = at
	}
}

func (s *Server) putManifest(c *call, d door, image, reference string) {
	mediaType, _, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if err != nil {
		mediaType = oci.MediaTypeDockerImage
	}
	manifest, err := oci.DecodeManifest(mediaType, c.sent)
	if err != nil || manifest.Kind == oci.KindUnknown {
		c.registryError(http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid")
		return
	}
	digest := oci.FromBytes(c.sent)
	tag := !isDigestReference(reference)
	existing := d.r.manifest(image, reference)
	switch {
	case tag && !oci.ValidTag(reference):
		c.registryError(http.StatusBadRequest, "TAG_INVALID", "manifest tag did not match URI")
	case !tag && reference != string(digest):
		c.registryError(http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
	case d.r.WritePolicy == "DENY":
		c.registryError(http.StatusBadRequest, "UNKNOWN", "Repository is read only: "+d.r.Name)
	case d.r.WritePolicy == "ALLOW_ONCE" && tag && existing != nil:
		c.registryError(http.StatusBadRequest, "UNKNOWN", "Repository does not allow updating assets: "+d.r.Name)
	default:
		if missing := s.missing(d.r, image, manifest); missing != "" {
			c.registryError(http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", object{{"Digest", string(missing)}})
			return
		}
		s.storeManifest(d.r, image, reference, mediaType, c.sent, c.author(), c.now)
		c.header.Set("Location", d.url(image, "/manifests/"+string(digest)))
		c.header.Set("Docker-Content-Digest", string(digest))
		if manifest.Subject != nil && d.r.Format == "oci" {
			c.header.Set("OCI-Subject", string(manifest.Subject.Digest))
		}
		c.status = http.StatusCreated
	}
}

// missing is the first blob or child that a manifest names and the repository
// does not have.
func (s *Server) missing(r *repo, image string, manifest oci.Manifest) oci.Digest {
	needed := manifest.Layers
	if manifest.Config != nil {
		needed = append(slices.Clone(needed), *manifest.Config)
	}
	for _, blob := range needed {
		if r.content(blob.Digest) == nil {
			return blob.Digest
		}
	}
	for _, child := range manifest.Children {
		if r.manifest(image, string(child.Digest)) == nil {
			return child.Digest
		}
	}
	return ""
}

// storeManifest writes the content once, the asset under its digest, and the
// tag with its component. A proxy stores what somebody is pulling just now.
func (s *Server) storeManifest(r *repo, image, reference, mediaType string, body []byte, by author, at time.Time) oci.Digest {
	if r.Type == "proxy" {
		by.name = "anonymous"
	}
	content := s.newBlob(r, body, mediaType, by, at)
	facts := s.factsOf(r, image, mediaType, body)
	alias := s.put(r, digestPath(image, content.digest), content, at)
	alias.facts = facts
	stored := alias
	if !isDigestReference(reference) && reference != "" {
		stored = s.putTag(r, image, reference, content, at)
		stored.facts = facts
	}
	if r.Type == "proxy" {
		stored.used(at)
	}
	return content.digest
}

// deleteManifest removes one tag and nothing else, or, by digest, the manifest
// with every tag on it; releases around 3.89 leave those tags behind.
func (s *Server) deleteManifest(c *call, d door, image, reference string) {
	a := d.r.manifest(image, reference)
	if a == nil {
		c.manifestUnknown(image, reference)
		return
	}
	digest := a.digest()
	s.removeAsset(a, c.now)
	if isDigestReference(reference) && !s.rel.digestDeleteLeavesTags() {
		for _, other := range slices.Clone(d.r.components) {
			if other.name == image && len(other.assets) > 0 && other.assets[0].digest() == digest {
				s.removeComponent(d.r, other, c.now)
			}
		}
	}
	c.status = http.StatusAccepted
}

// referrers is unknown to the docker format.
func (s *Server) referrers(c *call, d door, image, subject string) {
	if d.r.Format != "oci" || c.Method != http.MethodGet {
		c.html(http.StatusNotFound, "Not Found")
		return
	}
	manifests := array{}
	for _, a := range d.r.assets {
		name, _, ok := imageOf(a.path)
		manifest := a.decoded()
		if !ok || name != image || a.component != nil || manifest.Subject == nil || string(manifest.Subject.Digest) != subject {
			continue
		}
		manifests = append(manifests, object{{"mediaType", a.blob.contentType}, {"digest", string(a.digest())},
			{"size", len(a.blob.body)}, {"artifactType", manifest.ArtifactType}, {"annotations", manifest.Annotations}})
	}
	c.status = http.StatusOK
	c.header.Set("Content-Type", oci.MediaTypeIndex)
	c.body.Write(line(object{{"schemaVersion", 2}, {"mediaType", oci.MediaTypeIndex}, {"manifests", manifests}}))
}
