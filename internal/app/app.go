// Package app holds the use cases: plan, apply, undo, list, explain, look at a
// registry, reclaim. Commands and servers call these and nothing below.
//
// It promises that the order of looking, deciding, saving and acting is the
// same whoever asks, and that every failure says which kind it is. It prints
// nothing and asks nobody: what a person must agree to is agreed before Apply
// is called.
package app

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/store"
)

// Options of an App.
type Options struct {
	// Config is the configuration file; "" for the usual place, if there is one.
	Config string
	// State is the state file; "" for the configured or usual place.
	State string
	// Connection is how to reach registries, beside the configuration.
	Connection Connection
	Events     event.Handler
	// Tool is name and version for plans and the journal.
	Tool   string
	Getenv func(string) string // nil: the environment
	Clock  func() time.Time    // nil: the wall clock
}

// Connection is what the user says about reaching registries, for all of them.
// It goes before the configuration.
type Connection struct {
	PlainHTTP             bool
	CAFile                string
	InsecureSkipVerify    bool
	ClientCert, ClientKey string
	Concurrency           int
	Rate                  float64
	Timeout               time.Duration
}

// App is one command at work. It is safe for concurrent use.
type App struct {
	opts Options
	file *config.File

	opening   sync.Mutex
	state     *store.Store
	contents  *contents
	recording *errgroup.Group // of scans; replaced when its error was told
}

// New reads the configuration. It opens nothing.
func New(opts Options) (*App, error) {
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if (opts.Connection.ClientCert == "") != (opts.Connection.ClientKey == "") {
		return nil, misuse("--client-cert and --client-key belong together")
	}
	var file *config.File
	var err error
	if opts.Config != "" {
		file, err = config.Read(opts.Config)
	} else {
		file, err = config.Find(opts.Getenv)
	}
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	opts.Events = oneAtATime(opts.Events)
	return &App{opts: opts, file: file, recording: newRecording()}, nil
}

// oneAtATime keeps the promise that handlers are given: requests wait and
// repositories are read side by side.
func oneAtATime(handle event.Handler) event.Handler {
	if handle == nil {
		return nil
	}
	var turn sync.Mutex
	return func(e event.Event) {
		turn.Lock()
		defer turn.Unlock()
		handle(e)
	}
}

// Close closes what was opened.
func (a *App) Close() error {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.state == nil {
		return nil
	}
	if a.contents != nil {
		a.contents.flush()
	}
	return errors.Join(a.recording.Wait(), a.state.Close())
}

// cache is what scans need not ask for again.
func (a *App) cache() (*contents, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.contents == nil {
		a.contents = newContents(context.Background(), state, a.opts.Clock)
	}
	return a.contents, nil
}

// now is the wall clock in whole seconds, as plans carry it.
func (a *App) now() time.Time { return a.opts.Clock().UTC().Truncate(time.Second) }

// statePath is where the state lies.
func (a *App) statePath() (string, error) {
	if path := cmp.Or(a.opts.State, a.file.State); path != "" {
		return path, nil
	}
	path, err := config.DefaultState(a.opts.Getenv)
	if err != nil {
		return "", &Failure{Kind: Usage, Err: err}
	}
	return path, nil
}

// store opens the state, once.
func (a *App) store() (*store.Store, error) {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.state != nil {
		return a.state, nil
	}
	path, err := a.statePath()
	if err != nil {
		return nil, err
	}
	a.state, err = store.Open(path)
	return a.state, err
}

// planMaxAge is how long a plan may be applied.
func (a *App) planMaxAge() time.Duration {
	return cmp.Or(a.file.PlanMaxAge, 24*time.Hour)
}

// Targets reads what the user wrote; nothing written means every configured
// registry.
func (a *App) Targets(written []string) ([]Target, error) {
	var targets []Target
	for _, w := range written {
		target, err := ParseTarget(a.file, w)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	if len(written) > 0 {
		return targets, nil
	}
	for _, r := range a.file.Registries {
		targets = append(targets, Target{Name: r.Endpoint.Name, Configured: true})
	}
	if len(targets) == 0 {
		return nil, misuse("no registry is named: write one as HOST[:PORT], or list registries in a configuration file")
	}
	return targets, nil
}

// ParseReference reads HOST/REPOSITORY:TAG or @DIGEST.
func (a *App) ParseReference(written string) (Reference, error) {
	return ParseReference(a.file, written)
}

// oneRegistry reads a target that must be a whole registry.
func (a *App) oneRegistry(written string) (Target, error) {
	target, err := ParseTarget(a.file, written)
	if err != nil {
		return Target{}, err
	}
	if target.Pattern != "" {
		return Target{}, misuse("%q names repositories; this is about a whole registry: write %s", written, strings.TrimSuffix(written, "/"+target.Pattern))
	}
	return target, nil
}
