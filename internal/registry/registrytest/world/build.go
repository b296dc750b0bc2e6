package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Image is what an image is made from. Every image gets a layer of its own,
// so two of the same recipe are still two.
type Image struct {
	// Created is written into the config as it stands, whatever it is; ""
	// leaves it out.
	Created     string
	Platform    string // os/architecture; "" is linux/amd64
	Layers      []oci.Digest
	Labels      map[string]string
	Annotations map[string]string
	Subject     *Manifest
	Docker      bool // Docker's media types instead of OCI's
	// Odd writes the manifest with indents and a line feed at the end, which a
	// registry must hand out as it got them.
	Odd bool
}

// At writes a time for Image.Created.
func At(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Blob stores content that manifests can point at.
func (w *World) Blob(content []byte) oci.Digest {
	digest := oci.FromBytes(content)
	w.Blobs[digest] = content
	return digest
}

// Layer makes a new layer.
func (w *World) Layer() oci.Digest {
	w.serial++
	return w.Blob(fmt.Appendf(nil, "layer %d%s", w.serial, strings.Repeat(".", w.serial%97)))
}

func (w *World) blob(mediaType string, digest oci.Digest) descriptor {
	return descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(w.Blobs[digest]))}
}

func (m *Manifest) descriptor() descriptor {
	return descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Body)), ArtifactType: m.ArtifactType}
}

func subject(m *Manifest) *descriptor {
	if m == nil {
		return nil
	}
	return &descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Body))}
}

// Image adds an image without a tag.
func (r *Repository) Image(spec Image) *Manifest {
	layers := append(slices.Clone(spec.Layers), r.world.Layer())
	os, architecture, _ := strings.Cut(spec.Platform, "/")
	if spec.Platform == "" {
		os, architecture = "linux", "amd64"
	}
	config := map[string]any{
		"os": os, "architecture": architecture, "config": map[string]any{"Labels": spec.Labels},
		"rootfs": map[string]any{"type": "layers", "diff_ids": layers},
	}
	if spec.Created != "" {
		config["created"] = spec.Created
	}
	imageType, configType, layerType := oci.MediaTypeImage, oci.MediaTypeConfig, "application/vnd.oci.image.layer.v1.tar+gzip"
	if spec.Docker {
		imageType, configType, layerType = oci.MediaTypeDockerImage, oci.MediaTypeDockerConfig, "application/vnd.docker.image.rootfs.diff.tar.gzip"
	}
	head := r.world.blob(configType, r.world.Blob(encode(config, false)))
	doc := document{
		SchemaVersion: 2, MediaType: imageType, Config: &head,
		Subject: subject(spec.Subject), Annotations: spec.Annotations,
	}
	for _, layer := range layers {
		doc.Layers = append(doc.Layers, r.world.blob(layerType, layer))
	}
	return r.add(doc, spec.Odd)
}

// Index is what an index is made from.
type Index struct {
	Children []*Manifest
	// Attestations are listed as build attestations are, after the children.
	Attestations []*Manifest
	Annotations  map[string]string
	Subject      *Manifest
	Docker       bool
	Odd          bool
}

// Index adds an index without a tag.
func (r *Repository) Index(spec Index) *Manifest {
	doc := document{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Subject: subject(spec.Subject), Annotations: spec.Annotations}
	if spec.Docker {
		doc.MediaType = oci.MediaTypeDockerList
	}
	for _, child := range spec.Children {
		entry := child.descriptor()
		entry.Platform = r.platform(child)
		doc.Manifests = append(doc.Manifests, entry)
	}
	for _, attestation := range spec.Attestations {
		entry := attestation.descriptor()
		entry.Platform = &platform{"unknown", "unknown"}
		entry.Annotations = map[string]string{attestationAnnotation: "attestation-manifest"}
		if len(spec.Children) > 0 {
			entry.Annotations["vnd.docker.reference.digest"] = string(spec.Children[0].Digest)
		}
		doc.Manifests = append(doc.Manifests, entry)
	}
	return r.add(doc, spec.Odd)
}

func (r *Repository) platform(m *Manifest) *platform {
	var p platform
	if json.Unmarshal(r.world.Blobs[m.Config], &p) != nil || p.OS == "" {
		return nil
	}
	return &p
}

// Artifact is what an artifact is made from: an image manifest with the empty
// config and a payload of its own (image-spec, "Guidelines for Artifact
// Usage").
type Artifact struct {
	Type        string
	Subject     *Manifest // nil for one that stands alone
	Annotations map[string]string
}

// Artifact adds an artifact without a tag. With a subject it is a referrer.
func (r *Repository) Artifact(spec Artifact) *Manifest {
	empty := r.world.blob(oci.MediaTypeEmptyJSON, r.world.Blob([]byte("{}")))
	payload := r.world.blob("application/octet-stream", r.world.Layer())
	return r.add(document{
		SchemaVersion: 2, MediaType: oci.MediaTypeImage, ArtifactType: spec.Type,
		Config: &empty, Layers: []descriptor{payload}, Subject: subject(spec.Subject), Annotations: spec.Annotations,
	}, false)
}

// Cosign adds an attachment in cosign's scheme, tied to the subject by the
// name of its tag alone.
func (r *Repository) Cosign(of oci.Digest, suffix string) *Manifest {
	m := r.Image(Image{Created: "1970-01-01T00:00:00Z"})
	r.Tag(oci.FallbackTag(of)+"."+suffix, m)
	return m
}

// Foreign adds a manifest of a media type that nobody here knows. Most
// registries refuse it.
func (r *Repository) Foreign(mediaType string, body []byte) *Manifest {
	m := &Manifest{RawManifest: oci.RawManifest{MediaType: mediaType, Digest: oci.FromBytes(body), Body: body}}
	r.Manifests[m.Digest] = m
	return m
}

// Tag points a tag at a manifest of this repository.
func (r *Repository) Tag(name string, m *Manifest) { r.Tags[name] = m.Digest }

// Lose takes a manifest away from under what points at it.
func (r *Repository) Lose(m *Manifest) {
	delete(r.Manifests, m.Digest)
	r.Lost[m.Digest] = m
}

// Missing is a manifest that never was in any registry, for a subject that is
// not there.
func (w *World) Missing() *Manifest {
	w.serial++
	return Parse(oci.MediaTypeImage, fmt.Appendf(nil, `{"schemaVersion":2,"annotations":{"serial":"%d"}}`, w.serial))
}

// FallbackTags writes the referrers fallback tags that a client leaves behind
// where the registry has no referrers API.
func (r *Repository) FallbackTags() {
	referrers := map[oci.Digest][]*Manifest{}
	for _, digest := range sortedKeys(r.Manifests) {
		if m := r.Manifests[digest]; m.Subject != "" {
			referrers[m.Subject] = append(referrers[m.Subject], m)
		}
	}
	for _, of := range sortedKeys(referrers) {
		r.Tag(oci.FallbackTag(of), r.Index(Index{Children: referrers[of]}))
	}
}

func (r *Repository) add(doc document, odd bool) *Manifest {
	m := Parse(doc.MediaType, encode(doc, odd))
	r.Manifests[m.Digest] = m
	return m
}

func encode(v any, odd bool) []byte {
	body, err := json.Marshal(v)
	if odd && err == nil {
		body, err = json.MarshalIndent(v, "", "   ")
		body = append(body, '\n')
	}
	if err != nil {
		panic(err) // every value comes from this package
	}
	return body
}
