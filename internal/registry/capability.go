package registry

import "fmt"

// Support says whether a registry can do something, as far as is known.
type Support uint8

// SupportUnknown is the zero value: nobody has looked.
const (
	SupportUnknown Support = iota
	SupportYes
	SupportNo
)

var supportNames = [...]string{"unknown", "yes", "no"}

func (s Support) String() string { return supportNames[s] }

// MarshalText writes unknown, yes or no.
func (s Support) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Support) UnmarshalText(text []byte) error {
	for i, name := range supportNames {
		if name == string(text) {
			*s = Support(i)
			return nil
		}
	}
	return fmt.Errorf("support %q: want unknown, yes or no", text)
}

// Capabilities is what a registry can do. Unknown is not no: planning takes
// the safe side, apply finds out.
type Capabilities struct {
	// TagDelete: one tag can be removed and its siblings stay.
	TagDelete Support `json:"tag_delete"`
	// DigestDelete: a manifest can be deleted by digest, with all its tags.
	DigestDelete Support `json:"digest_delete"`
	// Referrers: the OCI referrers API answers.
	Referrers Support `json:"referrers"`
	// Catalog: the registry lists its repositories.
	Catalog Support `json:"catalog"`
	// PushTimes and PullTimes: listings carry them.
	PushTimes Support `json:"push_times"`
	PullTimes Support `json:"pull_times"`
	// Untagged: untagged manifests can be listed.
	Untagged Support `json:"untagged"`
	// PullsCounted: fetching a manifest counts as using the image, so fetch it
	// only where a decision needs it.
	PullsCounted Support `json:"pulls_counted"`
	// ComponentDelete: tags are deleted as components of the registry's own API
	// and manifests are left to the registry's garbage collection (Nexus).
	ComponentDelete Support `json:"component_delete"`
	// CascadeReferrers: deleting a subject deletes its referrers (Harbor).
	CascadeReferrers Support `json:"cascade_referrers"`
}

// Info is one registry as a scan met it.
type Info struct {
	Name         string       `json:"name"` // as the user wrote it: host or configured name
	URL          string       `json:"url"`
	Kind         string       `json:"kind"` // distribution, nexus, …
	Version      string       `json:"version,omitempty"`
	Capabilities Capabilities `json:"capabilities"`
	// Warnings are known bugs of the detected version and the like, each a
	// sentence for people.
	Warnings []string `json:"warnings,omitempty"`
}
