package oci

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// asRegistriesDo reads documents as the programs read them that pushed them and
// pull them: those are mostly written with Go's first encoding/json, to which
// "Layers" is layers and the last of two is what counts.
var asRegistriesDo = json.JoinOptions(
	json.MatchCaseInsensitiveNames(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
)

// Platform is the platform of an index entry or an image config.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// String is os/architecture[/variant], as `docker --platform` takes it.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Descriptor points at content (image-spec descriptor.md). Size is in bytes.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       Digest            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
}

// Attestation says whether an index entry is a build attestation and not a
// platform image (BuildKit, "Image attestation storage").
func (d Descriptor) Attestation() bool {
	if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
		return true
	}
	return d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// RawManifest is a manifest as it lies in the registry: its exact bytes, the
// media type it was served under, and the digest of the bytes.
type RawManifest struct {
	MediaType string
	Digest    Digest
	Body      []byte
}

// Manifest is a decoded manifest: what it is and where its edges lead.
type Manifest struct {
	MediaType    string
	Kind         Kind
	ArtifactType string
	Config       *Descriptor  // images only
	Layers       []Descriptor // images only; an artifact manifest's blobs too
	Children     []Descriptor // indexes only
	Subject      *Descriptor  // what this manifest is attached to
	Annotations  map[string]string
}

type manifestDocument struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *Descriptor       `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Blobs         []Descriptor      `json:"blobs"`
	Manifests     []Descriptor      `json:"manifests"`
	Subject       *Descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
	FSLayers      jsontext.Value    `json:"fsLayers"`
}

// DecodeManifest reads a manifest. contentType is what the registry served it
// as; parameters such as a charset are ignored. A media type that is not known
// gives KindUnknown and no error; a known one whose document does not fit, or
// whose own mediaType field names another kind, is an error.
func DecodeManifest(contentType string, body []byte) (Manifest, error) {
	served := contentType
	if parsed, _, err := mime.ParseMediaType(contentType); err == nil {
		served = parsed
	}
	var doc manifestDocument
	if err := json.Unmarshal(body, &doc, asRegistriesDo); err != nil {
		if KindOf(served) == KindUnknown {
			return Manifest{MediaType: served}, nil
		}
		return Manifest{}, fmt.Errorf("manifest of type %q: %w", clip(served), err)
	}
	mediaType := served
	if KindOf(served) == KindUnknown && doc.MediaType != "" {
		mediaType = doc.MediaType
	}
	if doc.MediaType != "" && KindOf(doc.MediaType) != KindOf(mediaType) {
		return Manifest{}, fmt.Errorf("manifest served as %q calls itself %q", clip(served), clip(doc.MediaType))
	}
	m := Manifest{
		MediaType: mediaType, Kind: KindOf(mediaType), ArtifactType: doc.ArtifactType,
		Subject: doc.Subject, Annotations: doc.Annotations,
	}
	switch m.Kind {
	case KindImage:
		if len(doc.Manifests) > 0 || len(doc.FSLayers) > 0 {
			return Manifest{}, fmt.Errorf("manifest of type %q has the fields of another kind", mediaType)
		}
		m.Config = doc.Config
		m.Layers = append(doc.Layers, doc.Blobs...)
		if m.ArtifactType == "" && m.Config != nil {
			m.ArtifactType = m.Config.MediaType
		}
	case KindIndex:
		if len(doc.Layers) > 0 || len(doc.FSLayers) > 0 {
			return Manifest{}, fmt.Errorf("index of type %q has the fields of another kind", mediaType)
		}
		m.Children = doc.Manifests
	}
	return m, m.check()
}

// check refuses descriptors that nobody could follow.
func (m Manifest) check() error {
	edges := make([]Descriptor, 0, len(m.Layers)+len(m.Children)+2)
	edges = append(edges, m.Layers...)
	edges = append(edges, m.Children...)
	for _, d := range []*Descriptor{m.Config, m.Subject} {
		if d != nil {
			edges = append(edges, *d)
		}
	}
	for _, d := range edges {
		if _, err := ParseDigest(string(d.Digest)); err != nil {
			return fmt.Errorf("manifest of type %q: %w", m.MediaType, err)
		}
		if d.Size < 0 {
			return fmt.Errorf("manifest of type %q: negative size of %s", m.MediaType, d.Digest)
		}
	}
	return nil
}

// AnnotationCreated is the annotation that carries a build time
// (image-spec annotations.md).
const AnnotationCreated = "org.opencontainers.image.created"

// Config is what regkeep reads of an image config (image-spec config.md).
// Created is zero when absent.
type Config struct {
	Created  time.Time
	Platform Platform
	Labels   map[string]string
}

// DecodeConfig reads an image config. A created field that is no time is
// taken as absent: it is evidence of nothing.
func DecodeConfig(body []byte) (Config, error) {
	var doc struct {
		Created string `json:"created"`
		Platform
		Config struct {
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
	}
	if err := json.Unmarshal(body, &doc, asRegistriesDo); err != nil {
		return Config{}, fmt.Errorf("image config: %w", err)
	}
	return Config{Created: ParseTime(doc.Created), Platform: doc.Platform, Labels: doc.Config.Labels}, nil
}

// ParseTime reads the forms in which build tools and registries write times:
// RFC 3339 with or without a fraction, and with an offset without a colon.
// Anything else gives the zero time, which everywhere means "not known".
func ParseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
