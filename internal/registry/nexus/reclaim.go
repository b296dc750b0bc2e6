package nexus

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/event"
)

// ReclaimOptions say what to reclaim and how.
type ReclaimOptions struct {
	// Repository is one Nexus repository (also as <repository>/<image>); ""
	// stands for every hosted Docker and OCI repository.
	Repository string
	// Wait for each task, which running them in order needs. Without it only
	// garbage collection is started.
	Wait bool
	// CreateTasks makes the tasks that are missing (Nexus 3.74 and later).
	CreateTasks bool
	// Tasks names tasks, by name or id, where Nexus does not tell which
	// repository or blob store a task serves (before 3.92).
	Tasks []string
	// Timeout bounds the waiting; 0: no bound. Tasks go on in Nexus.
	Timeout time.Duration
	Events  event.Handler
}

// Reclamation is what would be run, in which order. Making one changes
// nothing.
type Reclamation struct {
	// Steps are the tasks in their order.
	Steps []ReclaimStep
	// Warnings are for whoever is about to run it, each a sentence.
	Warnings []string

	r      *Registry
	opts   ReclaimOptions
	stores []string // whose sizes matter; nil: all
}

// ReclaimStep is one task to run, and how it went.
type ReclaimStep struct {
	Task   string `json:"task"` // its name
	ID     string `json:"id,omitempty"`
	Type   string `json:"type"`
	Serves string `json:"serves"` // repository, format or blob store; "" where Nexus does not tell
	// Create: the task is not there and is made first.
	Create bool `json:"create,omitempty"`
	// Joined: it was running already; what was deleted after it began may be
	// left for the next run.
	Joined bool          `json:"joined,omitempty"`
	Result string        `json:"result,omitempty"` // OK, FAILED, CANCELED, INTERRUPTED, "started", or "" if not run
	Took   time.Duration `json:"-"`

	properties map[string]string
	// optional: a failure is a warning.
	optional bool
}

// StoreSize is one blob store before and after. Sizes count soft-deleted
// blobs, as Nexus does, until they are compacted.
type StoreSize struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	BlobsBefore int64  `json:"blobs_before"`
	BlobsAfter  int64  `json:"blobs_after"`
	BytesBefore int64  `json:"bytes_before"`
	BytesAfter  int64  `json:"bytes_after"`
}

// ReclaimReport is what came of it.
type ReclaimReport struct {
	Steps    []ReclaimStep `json:"steps"`
	Stores   []StoreSize   `json:"stores"`
	Warnings []string      `json:"warnings"`
	// Measured: the sizes were read before and after.
	Measured bool `json:"measured"`
	// Freed is by how many bytes the stores shrank; below zero where more was
	// pushed meanwhile.
	Freed int64 `json:"freed"`
}

// Reclaim prepares and runs. The report says how far it came even with an
// error.
func Reclaim(ctx context.Context, r *Registry, opts ReclaimOptions) (ReclaimReport, error) {
	reclamation, err := PrepareReclaim(ctx, r, opts)
	if err != nil {
		return ReclaimReport{}, err
	}
	return reclamation.Run(ctx)
}

// PrepareReclaim finds the tasks that free the disk and what to know before
// they run. It only reads.
func PrepareReclaim(ctx context.Context, r *Registry, opts ReclaimOptions) (*Reclamation, error) {
	targets, err := r.targets(ctx, opts.Repository)
	if err != nil {
		return nil, err
	}
	all, err := r.client.tasks(ctx)
	if err != nil {
		return nil, err
	}
	v := r.client.version(ctx)
	found := &choice{client: r.client, opts: opts, tasks: all, version: v}
	if err := found.named(); err != nil {
		return nil, err
	}
	if err := found.gc(targets); err != nil {
		return nil, err
	}
	found.assets(targets)
	stores, err := r.storesOf(ctx, targets)
	if err != nil {
		return nil, err
	}
	if err := found.compact(stores); err != nil {
		return nil, err
	}
	if err := found.missing(); err != nil {
		return nil, err
	}
	return &Reclamation{
		Steps: found.steps, Warnings: append(v.warnings(), found.warnings(targets)...),
		r: r, opts: opts, stores: stores.names,
	}, nil
}

// targets are the repositories whose garbage is meant.
func (r *Registry) targets(ctx context.Context, name string) ([]*repository, error) {
	repos, err := r.signIn(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		first, _, _ := strings.Cut(name, "/")
		repo, _, err := r.open(ctx, "reclaim", first+"/"+noImage)
		if err != nil {
			return nil, err
		}
		return []*repository{repo}, nil
	}
	hosted := slices.DeleteFunc(values(repos), func(repo *repository) bool { return !repo.hosted() })
	if len(hosted) == 0 {
		return nil, r.noneHosted(len(repos))
	}
	return hosted, nil
}

// warnings say when bytes come back later than one would think, and what ends.
func (c *choice) warnings(targets []*repository) []string {
	names := make([]string, len(targets))
	for i, repo := range targets {
		names[i] = repo.Name
	}
	found := append(c.notes, "garbage collection ends the undo of earlier runs in "+strings.Join(names, ", ")+
		": a removed tag can be put back only while its manifest is there")
	for _, step := range c.steps {
		switch step.Type {
		case typeGC, typeGCCustom:
			if step.Serves == "*" {
				found = append(found, fmt.Sprintf("task %q collects the garbage of every Docker repository of the server", step.Task))
			}
			offset, told := step.properties["deployOffset"]
			if hours, err := strconv.Atoi(offset); told && err == nil && hours == 0 {
				break
			} else if !told || err != nil {
				offset = "24 (the default; Nexus does not tell)"
			}
			found = append(found, fmt.Sprintf("task %q leaves what was pushed in the last hours: deploy offset %s", step.Task, offset))
		case typeCompact:
			if days := step.properties["blobsOlderThan"]; days != "" && days != "0" {
				found = append(found, fmt.Sprintf("task %q leaves blobs that were deleted less than %s days ago", step.Task, days))
			}
		}
	}
	if !c.version.before(3, 71, 0) {
		found = append(found, "Nexus releases a blob some time after nothing needs it any more (task \"Cleanup unused asset blobs\", every 30 minutes, with a delay of 60): "+
			"part of the bytes may come back with a later run of reclaim")
	}
	return found
}
