// Package memory is a registry without network: it implements the reading and
// the changing port directly on a world, with switches for what real
// registries do differently, with hooks between calls and a record of what was
// asked.
//
// It promises to behave as the conformance suite demands under every
// combination of its switches. It does not fail on purpose: package fault does.
package memory

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Options say in what a registry differs. The zero value can delete tags and
// digests, lists referrers and repositories, and tells no times.
type Options struct {
	Name string // of the registry; "" is "memory"

	NoTagDelete    bool // a tag cannot be deleted (distribution 2)
	NoDigestDelete bool // nothing can be deleted (distribution as installed)
	NoReferrers    bool // no referrers API
	NoCatalog      bool // repositories are not listed
	KeepsTags      bool // tags serve on after their digest was deleted (go-containerregistry)
	Cascade        bool // referrers go with their subject (Harbor)
	LocksChildren  bool // the child of an index cannot be deleted (zot, GitLab)
	VagueTags      bool // an unknown repository looks like an empty one (olareg)

	Rich       bool // the tag listing tells digests and media types
	Untagged   bool // manifests are listed, tagged or not
	PushTimes  bool // listings tell push times
	PullTimes  bool // listings tell pull times
	CountPulls bool // fetching a manifest moves its pull time

	// Components: the tag listing gives handles, and an untag compares (Nexus).
	Components bool
	// Locked tags cannot be removed, nor what they point at.
	Locked []string
	// Clock dates pushes and pulls; nil stands still at the world's Now.
	Clock func() time.Time
}

// Registry is a registry in memory. It is safe for concurrent use.
type Registry struct {
	options Options

	mu     sync.Mutex
	world  *world.World
	linked map[string]map[oci.Digest]bool            // blobs by repository
	shadow map[string]map[oci.Digest]*world.Manifest // deleted by digest, served by tag
	calls  []call.Call
	counts map[call.Op]int
	before func(call.Call)
	after  func(call.Call)
}

// Load is a registry with a copy of w in it.
func Load(w *world.World, options Options) *Registry {
	if options.Name == "" {
		options.Name = "memory"
	}
	r := &Registry{
		options: options, world: w.Clone(), counts: map[call.Op]int{},
		linked: map[string]map[oci.Digest]bool{}, shadow: map[string]map[oci.Digest]*world.Manifest{},
	}
	if r.options.Clock == nil {
		r.options.Clock = func() time.Time { return r.world.Now }
	}
	r.link()
	return r
}

// Reader is the reading port, with the optional interfaces that the options
// give it.
func (r *Registry) Reader() registry.Reader {
	if r.options.Untagged {
		return listingReader{reader{r}}
	}
	return reader{r}
}

// Mutator is the changing port.
func (r *Registry) Mutator() mutate.Mutator { return mutator{r} }

// Edit changes the content as somebody else would who pushes or deletes
// meanwhile. It may be called from a hook.
func (r *Registry) Edit(change func(*world.World)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.world)
	r.link()
}

// World is a copy of the content.
func (r *Registry) World() *world.World {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.world.Clone()
}

// State is the content as world.Read finds it in a real registry.
func (r *Registry) State() *world.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.world.State()
	if r.options.NoReferrers {
		return state
	}
	for name, contents := range state.Repositories {
		contents.Referrers = map[oci.Digest][]oci.Digest{}
		for _, m := range r.referrers(name, "") {
			contents.Referrers[m.Subject] = append(contents.Referrers[m.Subject], m.Digest)
		}
	}
	return state
}

// Before sets what happens before every call; nil for nothing.
func (r *Registry) Before(hook func(call.Call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = hook
}

// After sets what happens after every call that did not fail; nil for nothing.
// A listing counts as done when its last element was taken.
func (r *Registry) After(hook func(call.Call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after = hook
}

// Calls is everything that was asked so far, in order.
func (r *Registry) Calls() []call.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call.Call(nil), r.calls...)
}

// Counts is how often each method was called so far.
func (r *Registry) Counts() map[call.Op]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// Forget sets the record of calls back to nothing.
func (r *Registry) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.counts = nil, map[call.Op]int{}
}

// begin records a call and runs the hook, without the lock. The function that
// it returns ends the call.
func (r *Registry) begin(ctx context.Context, op call.Op, repository, reference string) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.counts[op]++
	c := call.Call{Op: op, Repository: repository, Reference: reference, Nth: r.counts[op]}
	r.calls = append(r.calls, c)
	before, after := r.before, r.after
	r.mu.Unlock()
	if before != nil {
		before(c)
	}
	if err := ctx.Err(); err != nil { // the hook may have cancelled
		return nil, err
	}
	return func() {
		if after != nil {
			after(c)
		}
	}, nil
}

// fail makes an error of a kind.
func (r *Registry) fail(kind error, op call.Op, repository, reference, message string) error {
	return &registry.Error{
		Kind: kind, Op: string(op), Registry: r.options.Name, Repository: repository, Reference: reference, Message: message,
	}
}

// link notes which blobs are in which repository: once there, they stay until
// a garbage collection, which this registry has not.
func (r *Registry) link() {
	for name, repo := range r.world.Repositories {
		for _, manifests := range []map[oci.Digest]*world.Manifest{repo.Manifests, repo.Lost} {
			for _, m := range manifests {
				r.linkManifest(name, m)
			}
		}
	}
}

func (r *Registry) linkManifest(name string, m *world.Manifest) {
	if r.linked[name] == nil {
		r.linked[name] = map[oci.Digest]bool{}
	}
	for _, blob := range append([]oci.Digest{m.Config}, m.Layers...) {
		if _, here := r.world.Blobs[blob]; here {
			r.linked[name][blob] = true
		}
	}
}
