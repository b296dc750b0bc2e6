// Package plan turns verdicts into steps: a plan is data, versioned,
// canonical and hashed, that says what will be done, in which order, under
// which precondition, and how far it can be undone.
//
// A Builder writes a plan while it is decided, and a Stored plan is read one
// repository at a time: neither holds it whole. What they do is a function of
// their arguments; where the lines go, and where those lie that must wait, the
// caller says. The package has no clock, opens nothing and cannot change a
// registry.
package plan

import (
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Version of the plan format.
const Version = 1

// Header is the first line of a plan.
type Header struct {
	Type       string          `json:"type"` // "plan"
	Version    int             `json:"version"`
	Kind       string          `json:"kind"` // "remove", "restore" or "rehearsal" (never carried out)
	ID         string          `json:"id"`
	Created    time.Time       `json:"created"`
	Now        time.Time       `json:"now"`
	Expires    time.Time       `json:"expires"`
	Tool       string          `json:"tool"`
	PolicyHash string          `json:"policy_hash,omitempty"`
	Run        string          `json:"run,omitempty"`     // restore: the run being undone
	Archive    string          `json:"archive,omitempty"` // where content is kept before it goes
	Registries []registry.Info `json:"registries"`
	Evidence   []Evidence      `json:"evidence"`
}

// Evidence is one source of in-use evidence as the plan saw it.
type Evidence struct {
	Source     string    `json:"source"`
	At         time.Time `json:"at"`
	Complete   bool      `json:"complete"`
	References int       `json:"references"`
}

// Reason is a policy.Reason on its way out.
type Reason struct {
	Code  string         `json:"code"`
	Rule  string         `json:"rule,omitempty"`
	Line  int            `json:"line,omitempty"`
	Facts map[string]any `json:"facts,omitempty"`
}

// Verdict is the line of one root. Times that are not known are absent; Size
// is bytes of config and layers, absent when not known.
type Verdict struct {
	Type       string     `json:"type"` // "verdict"
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest,omitempty"`
	MediaType  string     `json:"media_type,omitempty"`
	Verdict    string     `json:"verdict"` // keep, remove, hold
	Reasons    []Reason   `json:"reasons"`
	Created    *time.Time `json:"created,omitempty"`
	Pushed     *time.Time `json:"pushed,omitempty"`
	Pulled     *time.Time `json:"pulled,omitempty"`
	Seen       *time.Time `json:"seen,omitempty"`
	AgeFrom    string     `json:"age_from,omitempty"`
	Size       int64      `json:"size,omitempty"`
}

// Action is what a step does.
type Action string

// Actions of plans that remove, and of plans that restore.
const (
	Untag           Action = "untag"
	DeleteManifest  Action = "delete-manifest"
	DeleteComponent Action = "delete-component"
	OverwriteTag    Action = "overwrite-tag"

	PutManifest Action = "put-manifest"
	PutTag      Action = "put-tag"
)

// Reversal says how far a step can be undone.
type Reversal string

// UntilGC: blobs stay in the registry until its own garbage collection.
const (
	UndoFull    Reversal = "full"
	UndoUntilGC Reversal = "until-gc"
	UndoNone    Reversal = "none"
)

// Step is one effect. Digest is the precondition: what Tag must point at, or
// what is to be deleted.
type Step struct {
	Type       string     `json:"type"` // "step"
	Seq        int        `json:"seq"`  // from 1, without holes, in order of execution
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Action     Action     `json:"action"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest"`
	MediaType  string     `json:"media_type,omitempty"`
	// Takes lists the tags that go with a manifest that is deleted, sorted:
	// roots that were removed and attachment tags.
	Takes []string `json:"takes,omitempty"`
	// Siblings lists the other tags on the digest that an untag must leave.
	Siblings []string `json:"siblings,omitempty"`
	Why      string   `json:"why"` // root, child, attachment
	Undo     Reversal `json:"undo"`
	// Replaces is what the tag of a put-tag step points at and may lose; "": the
	// tag must not exist.
	Replaces oci.Digest `json:"replaces,omitempty"`
	// Quarantine is the holding repository that a removed image is copied into
	// first, with everything below it, and For how long it stays there. In a plan
	// that restores, it is where content lies.
	Quarantine string `json:"quarantine,omitempty"`
	For        string `json:"for,omitempty"`
	// Handle is the adapter's own name of the tag (registry.Tag.Handle).
	Handle string `json:"handle,omitempty"`
}

// Blocked is a removal that cannot be carried out without harm.
type Blocked struct {
	Type       string     `json:"type"` // "blocked"
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest"`
	Code       string     `json:"code"`
	By         []string   `json:"by"` // the tags or digests in the way
}

// Notice is a gap, a warning or a refusal. Lift names the setting that changes
// it.
type Notice struct {
	Type    string `json:"type"` // "gap", "warning", "refusal"
	Code    string `json:"code"`
	Scope   string `json:"scope"` // registry, or registry/repository
	Message string `json:"message"`
	Lift    string `json:"lift,omitempty"`
}

// Summary is the last line. Hash is over all lines before it.
type Summary struct {
	Type         string `json:"type"` // "summary"
	Repositories int    `json:"repositories"`
	Roots        int    `json:"roots"`
	Keep         int    `json:"keep"`
	Remove       int    `json:"remove"`
	Hold         int    `json:"hold"`
	Steps        int    `json:"steps"`
	Blocked      int    `json:"blocked"`
	// BytesFreed counts blobs that only doomed manifests reach, each once over
	// the registry. BytesExact is false where something that could share them
	// was not read, such as untagged manifests that the registry does not list;
	// then it is an upper bound.
	BytesFreed int64 `json:"bytes_freed"`
	BytesExact bool  `json:"bytes_exact"`
	// BytesUnknown: registries that delete components (Nexus) are left out of
	// BytesFreed, because their manifests are not read for a plan.
	BytesUnknown bool    `json:"bytes_unknown,omitempty"`
	Requests     int64   `json:"requests"`
	Seconds      float64 `json:"seconds"`
	Hash         string  `json:"hash"`
}

// Plan is a whole plan in memory, lines by type, each in its order.
type Plan struct {
	Header   Header
	Verdicts []Verdict
	Steps    []Step
	Blocked  []Blocked
	Notices  []Notice
	Summary  Summary
}
