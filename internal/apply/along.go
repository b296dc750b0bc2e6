package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/crew"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/registry"
)

// along is what is known of the tags on a manifest that is deleted by digest:
// most registries delete them along. Once one step has looked at its tags one by
// one and seen them go, the others wait for a listing of all tags, which shows
// the same of every one of them with a few requests. What is listed still is
// looked at one by one, and so is everything where no step saw its tags go, or
// one saw them stay, and where the listing cannot be trusted. For a step that
// may have been cut off (see linger) only a listing shows that its tags went.
type along struct {
	mu      sync.Mutex
	goes    registry.Support // tags, as far as steps saw; no as soon as one stayed
	proving int              // steps that look at their own tags to find out
	waiting []*attempt
}

// mustLook says whether a step looks at its own tags now. Where it does, looked
// must be called afterwards.
func (l *along) mustLook() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.goes == registry.SupportYes || l.goes == registry.SupportUnknown && l.proving > 0 {
		return false
	}
	l.proving++
	return true
}

func (l *along) looked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proving--
}

// saw is told what a look at the tags of a step has shown.
func (l *along) saw(went, stayed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case stayed:
		l.goes = registry.SupportNo
	case went && l.goes == registry.SupportUnknown:
		l.goes = registry.SupportYes
	}
}

func (l *along) leave(some ...*attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, some...)
}

// take gives the steps that wait. A listing that begins afterwards speaks for
// them.
func (l *along) take() []*attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting
	l.waiting = nil
	return waiting
}

func (l *along) proven() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.goes == registry.SupportYes
}

// unlisted is not an outcome: the manifest has gone, and the step waits for a
// listing of the tags.
const unlisted journal.Status = "unlisted"

// leave has the step wait for the next listing.
func (a *attempt) leave(acted error) (journal.Status, string, error) {
	a.acted = acted
	a.along.leave(a)
	return unlisted, "", nil
}

// settleWaiting lists the tags for the steps that wait and settles them, and
// once more where that removed tags.
func (r *repository) settleWaiting(ctx context.Context) error {
	// When nobody waits for the run any more, what was done is still told.
	ctx = context.WithoutCancel(ctx)
	for {
		waiting := r.along.take()
		if len(waiting) == 0 || r.broken() != nil {
			return nil
		}
		looks, unclear := 0, false
		for _, a := range waiting {
			looks += len(a.Takes)
			unclear = unclear || a.unclear
		}
		var names []string
		var unread error
		if unclear || r.along.proven() && looks > 1+len(r.stay)/namesPerLook {
			names, unread = r.listTags(ctx)
		}
		if err := r.settle(ctx, waiting, names, unread); err != nil {
			return err
		}
	}
}

// namesPerLook is how many names of a listing cost as much as a look at one:
// some registries give no more than a hundred at once.
const namesPerLook = 100

// settledTogether bounds the steps that are settled at the same time: so many that
// there are always outcomes enough for the next transaction.
const settledTogether = 2048

// settle says what became of steps that waited for a listing of the tags: those
// whose tags are not among names have ended well. A listing that was not read,
// or is without a tag that stays, is not whole, or not this repository's, and
// shows nothing.
func (r *repository) settle(ctx context.Context, waiting []*attempt, names []string, unread error) error {
	if len(waiting) == 0 {
		return nil
	}
	l := listing{has: make(map[string]bool, len(names)), problem: unread}
	for _, name := range names {
		l.has[name] = true
	}
	for _, name := range r.stay {
		if l.problem == nil && !l.has[name] {
			l.problem = fmt.Errorf("the tag listing lacks %q, which has to be in it", name)
		}
	}
	l.vouched = l.problem == nil && len(r.stay) > 0 && r.along.proven()
	all := crew.New(settledTogether)
	defer all.Close()
	settling, _ := all.Group(ctx) // what is settled is told, whatever becomes of the others
	for _, a := range waiting {
		settling.Do(func() error {
			status, why, err := a.settleBy(ctx, l)
			if err == nil && status == unlisted {
				return nil
			}
			r.stopWhere(a.halt)
			return r.ended(ctx, a.Step, status, why, err)
		})
	}
	return settling.Wait()
}

// listing is what a listing of the tags showed to those who waited for it.
type listing struct {
	has     map[string]bool
	problem error // why it does not show what has gone; nil: it does
	vouched bool  // a tag that it lacks needs no look
}

// settleBy settles one step with a listing, or has it wait for another one.
func (a *attempt) settleBy(ctx context.Context, l listing) (journal.Status, string, error) {
	if l.vouched && !slices.ContainsFunc(a.Takes, func(tag string) bool { return l.has[tag] }) {
		return a.went(ctx, a.acted, false)
	}
	status, why, err := a.lookAgain(ctx)
	if err != nil || !status.Succeeded() || !a.unclear {
		return status, why, err
	}
	lingering := slices.DeleteFunc(a.followed, func(tag string) bool { return !l.has[tag] })
	switch {
	case len(lingering) > 0:
		return a.linger(ctx, lingering)
	case l.problem != nil:
		return a.unsettled(a.acted, l.problem)
	}
	return status, why, nil
}

// lookAgain settles a step by looks of its own. Its manifest had gone: where it
// is there now, somebody has pushed it again.
func (a *attempt) lookAgain(ctx context.Context) (journal.Status, string, error) {
	found, err := a.head(ctx, string(a.Digest))
	if err == nil && found.Digest != "" {
		return journal.Changed, "it was deleted, and is there again", nil
	}
	return a.lookAfter(ctx, a.acted)
}
