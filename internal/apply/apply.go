// Package apply carries out a plan: the one place that deletes, and that puts
// back.
//
// It promises that it never decides anew, only refuses more: each step looks
// first, archives what goes, writes its intent to disk, acts, looks again and
// writes what came of it. It knows no policy and no age; the plan says what.
package apply

import (
	"context"
	"errors"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// Refusals of a whole plan; nothing was done.
var (
	ErrStale   = errors.New("the plan is too old")
	ErrFuture  = errors.New("the plan is from the future")
	ErrForeign = errors.New("the plan is for another registry")
	ErrBusy    = journal.ErrHeld
	ErrPlan    = errors.New("the plan cannot be carried out")
)

// Registry is one registry of the plan, ready for use.
type Registry struct {
	// URL is where requests really go; it must be the one the plan names.
	// Empty: not compared.
	URL     string
	Reader  registry.Reader
	Mutator mutate.Mutator
	// Concurrency is how many requests may be in flight; 0:
	// registry.MostInFlight. 1: one step after the other, in the order of the plan.
	Concurrency int
	// Places is how many requests the registry takes at once, as far as that
	// has turned out by now; nil: as many as may be in flight.
	Places func() int
}

// Level says how far kept roots are verified afterwards.
type Level string

// Levels of verification; each includes the ones before.
const (
	VerifyTags      Level = "tags"
	VerifyManifests Level = "manifests"
	VerifyBlobs     Level = "blobs"
)

// Request is one plan to be carried out.
type Request struct {
	Plan       Plan
	Registries map[string]Registry // by registry.Info.Name
	Journal    Journal
	Locks      Locker
	Memory     Memory
	Archive    Archive
	Contents   Contents // may be nil
	// Place is where Archive keeps whole images, as it was named, to be written
	// down with the run. "": it keeps manifests only. Then a manifest that stays
	// is not read where reading counts as a pull; with a place every step keeps
	// its image first.
	Place string
	Tool  string

	// Now and Sleep are the clock; nil: the real one. Sleep ends early with
	// the context's error.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error

	MaxAge time.Duration // 0: 24 h
	Verify Level         // "": manifests

	Events event.Handler
	// Outcome is called as outcomes happen, one at a time, also with those of an
	// earlier process of the run. Verified is called after all of them, in the
	// order of the plan's repositories and by tag. Both may be nil.
	Outcome  func(plan.Step, journal.Outcome)
	Verified func(Verification)
	// Resume continues this run, which must be of the same plan.
	Resume *journal.Run
}

// Verification is the look at one root that had to stay.
type Verification struct {
	Registry   string
	Repository string
	Tag        string
	Digest     oci.Digest
	OK         bool
	// Unseen: it could not be looked at, so nobody knows. Not OK, and no damage.
	Unseen bool
	Error  string
}

// Result is what became of a plan, in numbers; the single outcomes and
// verifications were told on the way.
type Result struct {
	RunID       string
	Steps       int                    // of the plan
	Counts      map[journal.Status]int // of outcomes; a resumed run's earlier ones too
	Verified    int                    // roots that had to stay
	Broken      int                    // of these, what is not whole any more
	Unseen      int                    // of these, what could not be looked at
	Damaged     bool                   // something is not whole any more
	Interrupted bool                   // steps are left; resume the run
	Undo        string                 // where it is damaged: the command that puts back
}

// Open is how many steps have not succeeded.
func (r *Result) Open() int {
	open := r.Steps
	for status, n := range r.Counts {
		if status.Succeeded() {
			open -= n
		}
	}
	return open
}
