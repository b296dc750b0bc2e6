package app

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/store"
)

// recollection is what a repository is known to have pointed at, and which of that
// is cached: read part by part, in the order of names, while the registry lists
// the tags.
type recollection struct {
	mu       sync.Mutex
	more     sync.Cond
	pointers []store.Pointer // cached, so far
	upTo     string          // the last name that was looked at
	ended    bool
}

// recaller makes the inventory.Options.Recall of a registry. It also has what will
// be taken from the cache read before that. What the state cannot tell is fetched.
func recaller(state *store.Store, cache *contents, registryName string) func(context.Context, string) func([]inventory.Tag) []bool {
	return func(ctx context.Context, repository string) func([]inventory.Tag) []bool {
		r := &recollection{}
		r.more.L = &r.mu
		go r.read(ctx, state, registryName, repository)
		var row row
		return func(tags []inventory.Tag) []bool {
			digests, atHand := stillListed(r.until(tags), tags)
			cache.ahead(&row, digests)
			return atHand
		}
	}
}

func (r *recollection) read(ctx context.Context, state *store.Store, registryName, repository string) {
	pointers, _ := state.Recalled(ctx, registryName, repository)
	cached := pointers[:0]
	for part := range slices.Chunk(pointers, 2*together) {
		upTo := part[len(part)-1].Tag
		missing, err := missingOf(ctx, state, part)
		if err != nil {
			break
		}
		for _, p := range part {
			if !missing[p.Digest] {
				cached = append(cached, p)
			}
		}
		r.tell(cached, upTo, false)
	}
	r.tell(cached, "", true)
}

// sample is how many pointers one of them speaks for.
const sample = 50

// missingOf are the digests of which nothing is cached. The cache forgets what came
// first, and what a repository holds came together: where some of it is there that
// lies apart, all of it is looked upon as there. What is not is fetched when it is
// asked for, after a look that it would not have taken.
func missingOf(ctx context.Context, state *store.Store, pointers []store.Pointer) (map[oci.Digest]bool, error) {
	some, all := []oci.Digest{}, make([]oci.Digest, len(pointers))
	for i, p := range pointers {
		if all[i] = p.Digest; i%sample == 0 || i == len(pointers)-1 {
			some = append(some, p.Digest)
		}
	}
	if missing, err := state.Missing(ctx, some); err != nil || len(missing) == 0 {
		return nil, err
	}
	return state.Missing(ctx, slices.Compact(all))
}

func (r *recollection) tell(cached []store.Pointer, upTo string, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pointers, r.upTo, r.ended = cached, upTo, ended
	r.more.Broadcast()
}

// until waits for the last of the tags, which are sorted.
func (r *recollection) until(tags []inventory.Tag) []store.Pointer {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.ended && len(tags) > 0 && r.upTo < tags[len(tags)-1].Name {
		r.more.Wait()
	}
	return r.pointers
}

// stillListed says which digests pointers have for tags, in the order of tags,
// and which of these there is one for. The pointers are sorted by name.
func stillListed(pointers []store.Pointer, tags []inventory.Tag) (digests []oci.Digest, listed []bool) {
	listed = make([]bool, len(tags))
	for i := range tags {
		at, found := slices.BinarySearchFunc(pointers, tags[i].Name, func(p store.Pointer, name string) int { return strings.Compare(p.Tag, name) })
		if found {
			digests, listed[i] = append(digests, pointers[at].Digest), true
		}
	}
	return digests, listed
}
