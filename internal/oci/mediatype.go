package oci

import "slices"

// Media types of manifests (image-spec media-types.md; Docker image manifest
// version 2, schemas 1 and 2).
const (
	MediaTypeImage         = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex         = "application/vnd.oci.image.index.v1+json"
	MediaTypeArtifact      = "application/vnd.oci.artifact.manifest.v1+json"
	MediaTypeDockerImage   = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList    = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
	MediaTypeSignedSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	MediaTypeEmptyJSON     = "application/vnd.oci.empty.v1+json"
	MediaTypeConfig        = "application/vnd.oci.image.config.v1+json"
	MediaTypeDockerConfig  = "application/vnd.docker.container.image.v1+json"
)

// ManifestTypes are the media types of manifests, of all kinds that are known.
var ManifestTypes = []string{
	MediaTypeIndex, MediaTypeImage, MediaTypeDockerList, MediaTypeDockerImage,
	MediaTypeArtifact, MediaTypeSignedSchema1, MediaTypeDockerSchema1,
}

// AcceptManifests is what a client must say to be given the manifest that was
// pushed, under its own digest. Without the full list registries convert
// (Docker list to its linux/amd64 child, schema 2 to schema 1) or answer 404.
var AcceptManifests = append(slices.Clip(ManifestTypes), "*/*;q=0.1")

// Kind is what a manifest is, as far as its edges go.
type Kind uint8

// Kinds of manifests. KindUnknown has edges that nobody here can read: what
// points at it or hangs on it must be kept.
const (
	KindUnknown Kind = iota
	KindImage        // config and layers, also artifacts
	KindIndex        // children
	KindSchema1      // Docker schema 1: recognised, kept, never taken apart
)

func (k Kind) String() string {
	switch k {
	case KindImage:
		return "image"
	case KindIndex:
		return "index"
	case KindSchema1:
		return "schema1"
	default:
		return "unknown"
	}
}

// KindOf says what a media type stands for.
func KindOf(mediaType string) Kind {
	switch mediaType {
	case MediaTypeImage, MediaTypeDockerImage, MediaTypeArtifact:
		return KindImage
	case MediaTypeIndex, MediaTypeDockerList:
		return KindIndex
	case MediaTypeDockerSchema1, MediaTypeSignedSchema1:
		return KindSchema1
	default:
		return KindUnknown
	}
}
