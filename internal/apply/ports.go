package apply

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// Plan is what is carried out. It lies somewhere and is read in pieces, more
// than once: to check it, to carry it out, and to know what to verify.
type Plan interface {
	Whole() (plan.Header, plan.Summary)
	// Repositories yields those in which something changes, each once, with the
	// steps in their order. Verdicts are needed where tags are deleted as
	// components. An error ends it.
	Repositories() iter.Seq2[*plan.Repository, error]
	// Text opens the plan as it was saved. It is kept with the run, so that a
	// resume needs no file.
	Text() (io.ReadCloser, error)
}

// Journal records a run. Every method that writes returns only when the record
// is on disk; an error means that it may not be, and the run stops before the
// next effect. Safe for concurrent use; calls that come at the same time may
// share one write.
type Journal interface {
	// Begin is called once per run, before anything else of it; never on resume.
	Begin(ctx context.Context, run journal.Run, planText func() (io.ReadCloser, error)) error
	// Intend is called before each effect.
	Intend(ctx context.Context, intent journal.Intent) error
	// Record is called once a step has an outcome.
	Record(ctx context.Context, outcome journal.Outcome) error
	// Finish is called when the run ends in order, also when interrupted.
	Finish(ctx context.Context, run string, status journal.RunStatus, at time.Time) error
	// Between tells where the steps from first to last stand.
	Between(ctx context.Context, run string, first, last int) (journal.State, error)
}

// Locker keeps a second apply off a registry. The lock of a process that was
// killed is free.
type Locker interface {
	// Lock takes the lock or fails at once with journal.ErrHeld.
	Lock(registry string) (release func() error, err error)
}

// Memory is what is remembered about repositories, within a run (baselines)
// and between runs (capabilities that were seen to work, or not to).
type Memory interface {
	// Capabilities gives the zero value for a repository nobody looked at.
	Capabilities(ctx context.Context, registryName, repository string) (registry.Capabilities, error)
	Learn(ctx context.Context, registryName, repository string, learned registry.Capabilities, at time.Time) error
	// Baseline is nil where none was kept.
	Baseline(ctx context.Context, run, registryName, repository string) (*journal.Baseline, error)
	KeepBaseline(ctx context.Context, run, registryName, repository string, baseline journal.Baseline) error
}

// Archive keeps what goes and gives it back to a plan that restores.
type Archive interface {
	archive.Keeper
	archive.Manifests
	Blob(ctx context.Context, digest oci.Digest) (io.ReadCloser, int64, error)
}

// Contents are manifests that were fetched before, by digest; those that are
// not at hand are left out. It saves requests, and on registries that count a
// fetch as a pull it saves their pull times. Nil is allowed.
type Contents interface {
	Contents(ctx context.Context, digests []oci.Digest) (map[oci.Digest]oci.RawManifest, error)
}
