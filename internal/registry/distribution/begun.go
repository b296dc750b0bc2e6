package distribution

import (
	"context"
	"time"
)

// begun is a listing whose first page was asked for before somebody wants it: what
// is going to be listed serves as the question whether it can be.
type begun struct {
	walk  walk
	names []string
	more  bool
	at    time.Time
}

// beginsKeep is how long a first page is good for: less than a listing of many
// pages takes.
const beginsKeep = 10 * time.Second

// begin asks for the first page of a listing and keeps it for who lists.
func (r *Registry) begin(ctx context.Context, c call, key string) (names []string, err error) {
	b := begun{walk: r.walk(c, key)}
	if b.names, b.more, err = b.walk.page(ctx); err != nil {
		return nil, err
	}
	b.at = time.Now()
	r.beginning.Lock()
	defer r.beginning.Unlock()
	r.begun[c.repository+c.path] = b
	return b.names, nil
}

// take gives what was begun of a listing, once.
func (r *Registry) take(c call) (b begun, found bool) {
	r.beginning.Lock()
	defer r.beginning.Unlock()
	b, found = r.begun[c.repository+c.path]
	delete(r.begun, c.repository+c.path)
	return b, found && time.Since(b.at) < beginsKeep
}
