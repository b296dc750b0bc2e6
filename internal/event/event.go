// Package event is the one typed stream of what happens while regkeep works.
// Terminal, JSON and log are handlers of it. It carries no decision and nobody
// reads it to make one.
package event

// Event is one of the types below.
type Event interface{ event() }

// Handler takes events, one at a time, in order; it must not block for long.
type Handler func(Event)

// Emit calls the handler if there is one.
func (h Handler) Emit(e Event) {
	if h != nil {
		h(e)
	}
}

type (
	// ScanStarted: the repositories to read are known.
	ScanStarted struct {
		Registry     string
		Repositories int
	}
	// RepositoryScanned: one more repository was read.
	RepositoryScanned struct {
		Registry, Repository string
		Tags                 int
		Requests             int64 // so far, whole registry
	}
	// Sent: how many requests went out so far, told now and then.
	Sent struct {
		Registry string
		Requests int64
	}
	// StepFinished: one step of a plan has an outcome.
	StepFinished struct {
		Seq, Of                   int
		Registry, Repository, Tag string
		Status                    string
	}
	// Verified: one kept root was looked at after the deletions. Unseen: that did
	// not work, so it is neither OK nor known to be broken.
	Verified struct {
		Registry, Repository, Tag string
		OK, Unseen                bool
	}
	// TaskProgress: a registry's own task (garbage collection, compaction).
	TaskProgress struct {
		Registry, Task, State string
	}
	// Waiting: a request is being held back, in seconds, and why.
	Waiting struct {
		Registry string
		Seconds  float64
		Why      string
	}
)

func (ScanStarted) event()       {}
func (RepositoryScanned) event() {}
func (Sent) event()              {}
func (StepFinished) event()      {}
func (Verified) event()          {}
func (TaskProgress) event()      {}
func (Waiting) event()           {}
