// Package crew does many small jobs with few goroutines, one job after the other
// on each: a goroutine of its own for every tag of every repository would take
// more memory and time for its stack than some of the jobs do.
//
// It promises of the jobs of one group what errgroup does: the first error is told
// and ends their context, and Wait returns when all of them have.
package crew

import (
	"context"
	"sync"
)

// Crew is goroutines that do jobs, started as they are needed.
type Crew struct {
	jobs   chan func() // to whoever has none
	places chan struct{}
	done   sync.WaitGroup
}

// New makes a crew that does at most so many jobs at once.
func New(most int) *Crew {
	return &Crew{jobs: make(chan func()), places: make(chan struct{}, most)}
}

// Close lets the crew go when every group has been waited for.
func (c *Crew) Close() {
	close(c.jobs)
	c.done.Wait()
}

func (c *Crew) do(job func()) {
	select {
	case c.jobs <- job:
		return
	default:
	}
	select {
	case c.jobs <- job:
	case c.places <- struct{}{}:
		c.done.Go(func() {
			job()
			for job := range c.jobs {
				job()
			}
		})
	}
}

// Group is jobs that belong together. They must not wait for jobs of the same
// crew that have not begun.
type Group struct {
	crew   *Crew
	cancel context.CancelCauseFunc
	open   sync.WaitGroup
	failed sync.Once
	err    error
}

// Group begins one. The context that it returns ends with the first error and
// with Wait.
func (c *Crew) Group(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{crew: c, cancel: cancel}, ctx
}

// Do has somebody do a job, and waits until somebody can.
func (g *Group) Do(job func() error) {
	g.open.Add(1)
	g.crew.do(func() {
		defer g.open.Done()
		if err := job(); err != nil {
			g.failed.Do(func() {
				g.err = err
				g.cancel(err)
			})
		}
	})
}

// Wait waits until every job is done and returns the first error.
func (g *Group) Wait() error {
	g.open.Wait()
	g.cancel(g.err)
	return g.err
}

// Each has the crew call f with 0 to n-1.
func (c *Crew) Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := c.Group(ctx)
	for i := range n {
		g.Do(func() error { return f(ctx, i) })
	}
	return g.Wait()
}
