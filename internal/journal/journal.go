// Package journal says what a run intended and what came of it: the words of
// the record, and replay, which tells from the record alone where a run stands.
//
// It promises that replay is a function of the entries in their order. It knows
// no database and no registry; package store keeps the entries.
package journal

import (
	"errors"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// ErrHeld means that another run, of this process or another, works on the
// registry.
var ErrHeld = errors.New("another run holds the registry")

// RunStatus is where a run stands.
type RunStatus string

// A run that is Running while nobody holds the lock of its registries was
// killed: resume it.
const (
	Running     RunStatus = "running"
	Completed   RunStatus = "completed"   // every step has an outcome
	Interrupted RunStatus = "interrupted" // stopped in order, steps are left
	Aborted     RunStatus = "aborted"     // the journal or archive could not be written
)

// Run is one carrying out of one plan.
type Run struct {
	ID         string
	PlanID     string
	PlanHash   string
	Kind       string // of the plan: "remove" or "restore"
	Registries []string
	Undoes     string // restore: the run that is being undone
	Tool       string
	// Archive is where the content of what goes is kept, as it was named; ""
	// for nowhere but the manifests in the state.
	Archive  string
	Started  time.Time
	Finished time.Time // zero while running
	Status   RunStatus
}

// Status is what came of a step.
type Status string

// Outcomes of a step. AlreadyThere is the restore plan's AlreadyGone.
const (
	Done         Status = "done"
	AlreadyGone  Status = "already-gone"
	AlreadyThere Status = "already-there"
	Changed      Status = "changed"
	Refused      Status = "refused"
	Blocked      Status = "blocked"
	Failed       Status = "failed"
	Unknown      Status = "unknown"
)

// Succeeded says whether the registry is as the step wanted it.
func (s Status) Succeeded() bool { return s == Done || s == AlreadyGone || s == AlreadyThere }

// Final says whether a resumed run leaves the step alone: it succeeded, or its
// precondition does not hold. Everything else is tried again.
func (s Status) Final() bool { return s.Succeeded() || s == Changed || s == Blocked }

// Intent is written, and on disk, before a step's effect. Action is what is
// really done, which may be less than the step's own action.
type Intent struct {
	Run    string
	Seq    int
	Action plan.Action
	At     time.Time
}

// Outcome is written after it. Error is for people and carries no secret.
type Outcome struct {
	Run        string
	Seq        int
	Registry   string
	Repository string
	Tag        string
	Digest     oci.Digest
	Action     plan.Action
	Status     Status
	Error      string
	At         time.Time
}

// Baseline is what a repository held that had to stay, as seen before the
// run's first step there. It is written before that step, so that a resumed
// run compares with the state before the crash, not after it.
type Baseline struct {
	// Tags that stay, with what they pointed at.
	Tags map[string]oci.Digest `json:"tags"`
	// Holds lists, for each digest behind such a tag, the manifests below and
	// attached to it that were there.
	Holds map[oci.Digest][]oci.Digest `json:"holds,omitempty"`
	// Blobs lists config and layers that were there; only at the blobs level.
	Blobs map[oci.Digest][]oci.Digest `json:"blobs,omitempty"`
}
