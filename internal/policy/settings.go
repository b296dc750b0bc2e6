package policy

import "time"

// Limit is a number of removals, or no limit at all.
type Limit struct {
	Set bool
	N   int
}

// Settings are what a policy says beside its rules, with the defaults filled
// in.
type Settings struct {
	// Grace protects untagged manifests and children that were pushed less than
	// this long ago: they may belong to a push in flight.
	Grace time.Duration
	// Floor is how many images of a repository stay whatever the rules say.
	Floor int
	// MaxRemovals stops a repository that would lose more root tags.
	MaxRemovals Limit
	// MaxShare stops a repository with more than 20 root tags that would lose
	// more than this share of them, where no person looks at the plan.
	MaxShare float64
	// RemoveOrphans: attachments whose subject is missing may go.
	RemoveOrphans bool
	// Overwrite allows the placeholder way of removing a tag.
	Overwrite bool
	// Quarantine is how the names of holding repositories begin.
	Quarantine string
	// Exempt: what goes here was counted already, when it went into quarantine.
	// No policy says so.
	Exempt bool
}

// DefaultSettings are in force where nothing is written.
func DefaultSettings() Settings {
	return Settings{Grace: 24 * time.Hour, Floor: 1, MaxShare: 0.5, Quarantine: "quarantine"}
}
