// Package inventory reads registries into values: which repositories there
// are, which tags, which manifests they lead to, how these hang together, and
// what could not be learned.
//
// It promises that a Repository is either complete for its Depth or has a Gap
// that says what is missing. It cannot change a registry and decides nothing.
package inventory

import (
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Depth says how much of a repository was read.
type Depth uint8

const (
	// Names: only the tag list. Digests and everything behind them are unknown
	// unless the listing told them.
	Names Depth = iota
	// Graph: every tag is resolved and its manifest read, or says why not, and
	// so is every index reachable from one. Image manifests inside indexes are
	// read where the decision needs their config or they may go (Deepen).
	// Registries that delete components and told digest and push time of every
	// tag are not asked for manifests that no decision needs.
	Graph
)

// Gap is something that could not be learned. It blocks every removal in its
// scope.
type Gap struct {
	// Code: "listing", "tags", "manifest", "config", "catalog", "referrers",
	// "denied", "inventory".
	Code string `json:"code"`
	// Registry is registry.Info.Name.
	Registry string `json:"registry"`
	// Repository is empty for a gap of the whole registry.
	Repository string `json:"repository,omitempty"`
	Message    string `json:"message"`
}

// Tag is one tag. Digest is empty while unresolved, and when it could not be
// resolved (then Problem says why and the repository has a gap or the tag is
// kept as unreadable).
type Tag struct {
	Name    string
	Digest  oci.Digest
	Pushed  time.Time
	Pulled  time.Time
	Seen    time.Time // first seen by regkeep after an earlier scan without it
	Handle  string
	Problem string
}

// Blob is a config or layer: of its descriptor what a decision or the sum of
// sizes can ask for, because a large repository holds hundreds of thousands.
type Blob struct {
	MediaType string     `json:"mediaType"`
	Digest    oci.Digest `json:"digest"`
	Size      int64      `json:"size"`
}

// Manifest is one manifest of a repository as far as it is known.
type Manifest struct {
	Digest    oci.Digest
	MediaType string
	Kind      oci.Kind
	// Read: the body was read and the edges below are all there are.
	Read bool
	// Missing: something points here but the registry has nothing (a sparse
	// index, a subject that was deleted).
	Missing bool
	// Named: something is known to use this very digest (Want.Digests).
	Named bool
	// facts says that Created, Labels and Platforms were asked for and that
	// zero now means absent.
	facts bool
	// Problem says why the body could not be read or understood. Such a
	// manifest survives, and so does whatever points at it.
	Problem string

	ArtifactType string
	Config       *Blob
	Layers       []Blob
	Children     []oci.Descriptor
	Subject      oci.Digest // "" when it names none
	Annotations  map[string]string
	// Mentions are the digests named in a body that could not be understood.
	// Any of them may be a child.
	Mentions []oci.Digest

	// Facts of the image config. Of an index the latest build time of its
	// platform images, the labels that these all have alike, and the platforms of
	// all. Zero or nil: not asked, absent, or unreadable.
	Created   time.Time
	Labels    map[string]string
	Platforms []oci.Platform
	// Disputed are the labels that some platform images of an index have
	// otherwise or not at all, sorted.
	Disputed []string
	// ConfigProblem says that these facts were asked for and cannot be had.
	ConfigProblem string

	Pushed time.Time
	Pulled time.Time
	// Bytes is the size of the image (config and layers, each blob once, over
	// all platforms); 0 when not known.
	Bytes int64
}

// Repository is what was learned about one repository. Tags are sorted by
// name, without repeats. It is immutable once handed out.
type Repository struct {
	Registry  string // registry.Info.Name
	Name      string
	Depth     Depth
	Tags      []Tag
	Manifests map[oci.Digest]*Manifest
	Gaps      []Gap
	// ReferrersComplete: attachments without a tag were looked for (or the
	// registry told all manifests), for every digest that was asked about.
	ReferrersComplete bool
	// ManifestsListed: the registry listed every manifest, so there are none but
	// these.
	ManifestsListed bool
	// PullsRecorded: the registry records pulls, so that a zero Pulled means
	// "never", provided that it has recorded any at all.
	PullsRecorded bool
}
