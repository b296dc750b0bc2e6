package nexustest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Image is an image to push. Its zero value is a linux/amd64 OCI image with
// one layer of its own and no build time.
type Image struct {
	// Layers are contents; equal ones are one blob. nil: one layer that no
	// other image or tag has.
	Layers      []string
	Created     time.Time    // build time in the config; zero: none
	Platform    oci.Platform // zero: linux/amd64
	Labels      map[string]string
	Annotations map[string]string
	Subject     oci.Digest // attached to this manifest
	Artifact    string     // artifact type; "" for an image
	Docker      bool       // Docker's media types instead of OCI's
}

// Filler is a layer of that many bytes, the same for the same seed.
func Filler(seed string, size int) string {
	var b strings.Builder
	b.Grow(size + 64)
	for i := 0; b.Len() < size; i++ {
		b.WriteString(oci.FromBytes([]byte(fmt.Sprintln(seed, i))).Hex())
	}
	return b.String()[:size]
}

var builder = author{"builder", "192.0.2.10"}

// Push pushes an image at that time and returns its digest. Without a tag it
// is pushed by digest alone. Like all seeding it goes past privileges, write
// policies and request counts, into proxies too.
func (s *Server) Push(repository, image, tag string, spec Image, at time.Time) oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	mediaType, body := s.build(r, image, tag, spec, at)
	return s.storeManifest(r, image, tag, mediaType, body, builder, at)
}

// PushIndex pushes images by digest and an index over them.
func (s *Server) PushIndex(repository, image, tag string, children []Image, at time.Time) oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	var list []oci.Descriptor
	for i, spec := range children {
		mediaType, body := s.build(r, image, fmt.Sprintf("%s, child %d", tag, i), spec, at)
		digest := s.storeManifest(r, image, "", mediaType, body, builder, at)
		platform := spec.platform()
		list = append(list, oci.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(body)), Platform: &platform})
	}
	return s.storeManifest(r, image, tag, oci.MediaTypeIndex, indexDocument(list), builder, at)
}

// PushManifest stores a manifest as it is, whatever it names: under a tag, or
// under its digest alone when reference is "".
func (s *Server) PushManifest(repository, image, reference, mediaType string, body []byte, at time.Time) oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.storeManifest(s.mustRepo(repository), image, reference, mediaType, body, builder, at)
}

// PushBlob stores a blob.
func (s *Server) PushBlob(repository, content, mediaType string, at time.Time) oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.storeBlob(s.mustRepo(repository), []byte(content), mediaType, builder, at)
}

// MountBlob makes a blob of one repository known in another, sharing content
// where both lie on one blob store.
func (s *Server) MountBlob(from, to string, digest oci.Digest, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.mustRepo(from).content(digest)
	if a == nil {
		panic(fmt.Sprintf("nexustest: no blob %s in %s", digest, from))
	}
	s.share(s.mustRepo(to), a.blob, builder, at)
}

// Retag pushes the manifest behind a tag or digest again under another tag.
func (s *Server) Retag(repository, image, reference, tag string, at time.Time) oci.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	a := mustManifest(r, image, reference)
	return s.storeManifest(r, image, tag, a.blob.contentType, a.blob.body, builder, at)
}

// Sign pushes a signature of a manifest under cosign's tag and returns the tag.
func (s *Server) Sign(repository, image string, subject oci.Digest, at time.Time) string {
	tag := oci.FallbackTag(subject) + ".sig"
	s.Push(repository, image, tag, Image{Layers: []string{"signature of " + string(subject)}, Artifact: "application/vnd.dev.cosign.artifact.sig.v1+json"}, at)
	return tag
}

// Attach pushes an artifact with a subject by digest and, because the docker
// format has no referrers API, lists it under the fallback tag.
func (s *Server) Attach(repository, image string, subject oci.Digest, artifactType string, at time.Time) oci.Digest {
	spec := Image{Layers: []string{artifactType + " of " + string(subject)}, Artifact: artifactType, Subject: subject}
	digest := s.Push(repository, image, "", spec, at)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(repository)
	if r.Format == "oci" {
		return digest
	}
	tag := oci.FallbackTag(subject)
	var list []oci.Descriptor
	if a := r.manifest(image, tag); a != nil {
		list = a.decoded().Children
	}
	a := mustManifest(r, image, string(digest))
	list = append(list, oci.Descriptor{MediaType: a.blob.contentType, Digest: digest, Size: int64(len(a.blob.body)), ArtifactType: artifactType})
	s.storeManifest(r, image, tag, oci.MediaTypeIndex, indexDocument(list), builder, at)
	return digest
}

func (s *Server) mustRepo(name string) *repo {
	r := s.repoNamed(name)
	if r == nil {
		panic("nexustest: no repository " + name)
	}
	return r
}

func mustManifest(r *repo, image, reference string) *asset {
	a := r.manifest(image, reference)
	if a == nil || a.blob == nil {
		panic(fmt.Sprintf("nexustest: no manifest %s of %s in %s", reference, image, r.Name))
	}
	return a
}

func (i Image) platform() oci.Platform {
	if i.Platform.OS == "" {
		return oci.Platform{OS: "linux", Architecture: "amd64"}
	}
	return i.Platform
}

// build stores an image's blobs and returns its manifest.
func (s *Server) build(r *repo, image, tag string, spec Image, at time.Time) (mediaType string, body []byte) {
	manifestType, configType, layerType := oci.MediaTypeImage, oci.MediaTypeConfig, "application/vnd.oci.image.layer.v1.tar+gzip"
	if spec.Docker {
		manifestType, configType, layerType = oci.MediaTypeDockerImage, oci.MediaTypeDockerConfig, "application/vnd.docker.image.rootfs.diff.tar.gzip"
	}
	layers := spec.Layers
	if layers == nil {
		layers = []string{fmt.Sprintf("layer of %s:%s as of %s", image, tag, at.UTC().Format(time.RFC3339Nano))}
	}
	var config []byte
	if spec.Artifact != "" {
		configType, config = oci.MediaTypeEmptyJSON, []byte("{}")
	} else {
		config = configDocument(spec)
	}
	document := manifestJSON{SchemaVersion: 2, MediaType: manifestType, ArtifactType: spec.Artifact, Annotations: spec.Annotations}
	document.Config = &oci.Descriptor{MediaType: configType, Digest: s.storeBlob(r, config, configType, builder, at), Size: int64(len(config))}
	for _, layer := range layers {
		document.Layers = append(document.Layers,
			oci.Descriptor{MediaType: layerType, Digest: s.storeBlob(r, []byte(layer), layerType, builder, at), Size: int64(len(layer))})
	}
	if spec.Subject != "" {
		subject := oci.Descriptor{MediaType: manifestType, Digest: spec.Subject}
		if a := r.manifest(image, string(spec.Subject)); a != nil {
			subject.MediaType, subject.Size = a.blob.contentType, int64(len(a.blob.body))
		}
		document.Subject = &subject
	}
	return manifestType, mustJSON(document)
}

type manifestJSON struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *oci.Descriptor   `json:"config,omitempty"`
	Layers        []oci.Descriptor  `json:"layers,omitempty"`
	Manifests     []oci.Descriptor  `json:"manifests,omitempty"`
	Subject       *oci.Descriptor   `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func indexDocument(children []oci.Descriptor) []byte {
	return mustJSON(manifestJSON{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: children})
}

func configDocument(spec Image) []byte {
	document := map[string]any{
		"architecture": spec.platform().Architecture, "os": spec.platform().OS,
		"config": map[string]any{"Labels": spec.Labels, "Cmd": []string{"sh"}, "Env": []string{"PATH=/usr/bin:/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	}
	if !spec.Created.IsZero() {
		document["created"] = spec.Created.UTC().Format(time.RFC3339Nano)
	}
	if spec.platform().Variant != "" {
		document["variant"] = spec.platform().Variant
	}
	return mustJSON(document)
}

func mustJSON(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return body
}
