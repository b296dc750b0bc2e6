package apply

import (
	"cmp"
	"context"
	"sync"

	"github.com/regkeep/regkeep/internal/crew"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// hand is how many steps of one registry are under way. It follows what the
// registry has turned out to answer at once: more steps would wait for each
// other between their look and their effect. Twice as many are taken, since
// some wait for the disk.
type hand struct {
	most   int        // requests in flight at most; 1: one step after the other
	places func() int // requests that the registry takes at once now; nil: most
	looks  *crew.Crew // what only looks, of all repositories together
	steps  *crew.Crew

	mu      sync.Mutex
	taken   int
	waiting []chan struct{}
}

const (
	// mostComponents bounds the deletions of components at once: each is a
	// transaction in the database of a Nexus.
	mostComponents = 4
	// looksPerStep is how many looks may be under way for each step, where few steps
	// are: reading costs a registry less than deleting.
	looksPerStep = 4
)

// hands says how much may be under way on each registry.
func hands(req *Request, header *plan.Header) map[string]*hand {
	all := map[string]*hand{}
	for _, info := range header.Registries {
		given := req.Registries[info.Name]
		most := cmp.Or(given.Concurrency, registry.MostInFlight)
		h := &hand{most: most, places: given.Places}
		if info.Capabilities.ComponentDelete == registry.SupportYes {
			h.most = min(h.most, mostComponents)
		}
		h.looks, h.steps = crew.New(min(most, looksPerStep*h.most)), crew.New(2*h.most)
		all[info.Name] = h
	}
	return all
}

// close lets go who worked.
func (h *hand) close() {
	h.looks.Close()
	h.steps.Close()
}

func (h *hand) limit() int {
	if h.most == 1 {
		return 1
	}
	at := h.most
	if h.places != nil {
		at = min(at, max(1, h.places()))
	}
	return 2 * at
}

// take waits for a place, first come, first served, or for the end of ctx.
func (h *hand) take(ctx context.Context) error {
	h.mu.Lock()
	if len(h.waiting) == 0 && h.taken < h.limit() {
		h.taken++
		h.mu.Unlock()
		return ctx.Err()
	}
	turn := make(chan struct{})
	h.waiting = append(h.waiting, turn)
	h.mu.Unlock()
	// A place that is given to somebody who no longer wants it is put back by
	// them: see the caller of take.
	<-turn
	return ctx.Err()
}

// put gives a place back. It belongs to every take, whatever that returned.
func (h *hand) put() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken--
	for len(h.waiting) > 0 && h.taken < h.limit() {
		h.taken++
		close(h.waiting[0])
		h.waiting = h.waiting[1:]
	}
}

// turns lets steps look side by side and act in order: nobody acts before
// everybody in front of them has looked, so that what an earlier look finds
// out stops a later step just as if they had come one after the other.
type turns struct {
	mu     sync.Mutex
	moved  sync.Cond
	looked []bool
	front  int // all before it have looked
}

func newTurns(n int) *turns {
	t := &turns{looked: make([]bool, n)}
	t.moved.L = &t.mu
	return t
}

// have says that a step has looked; more than once is once.
func (t *turns) have(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked[i] = true
	before := t.front
	for t.front < len(t.looked) && t.looked[t.front] {
		t.front++
	}
	if t.front > before {
		t.moved.Broadcast()
	}
}

// await waits until every step before i has looked.
func (t *turns) await(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.front < i {
		t.moved.Wait()
	}
}
