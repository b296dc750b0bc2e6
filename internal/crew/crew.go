// Package crew does many small jobs with few goroutines, one job after the other
// on each: a goroutine of its own for every tag of a large repository would spend
// more time on growing its stack than on some of the jobs.
//
// It promises what errgroup does: the first error is told and ends the context,
// and Wait returns when every job has.
package crew

import (
	"context"
	"sync"
)

// Crew is goroutines that do jobs, started as they are needed.
type Crew struct {
	most    int
	working int
	jobs    chan func() error // to whoever has none
	done    sync.WaitGroup
	cancel  context.CancelCauseFunc
	failed  sync.Once
	err     error
}

// New makes a crew that does at most so many jobs at once. The context that it
// returns ends with the first error and with Wait.
func New(ctx context.Context, most int) (*Crew, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Crew{most: most, jobs: make(chan func() error), cancel: cancel}, ctx
}

// Do has somebody do a job, and waits until somebody can. It is called by one
// goroutine, and not after Wait.
func (c *Crew) Do(job func() error) {
	select {
	case c.jobs <- job:
		return
	default:
	}
	if c.working == c.most {
		c.jobs <- job
		return
	}
	c.working++
	c.done.Go(func() {
		c.finish(job())
		for job := range c.jobs {
			c.finish(job())
		}
	})
}

func (c *Crew) finish(err error) {
	if err == nil {
		return
	}
	c.failed.Do(func() {
		c.err = err
		c.cancel(err)
	})
}

// Wait waits until every job is done and returns the first error.
func (c *Crew) Wait() error {
	close(c.jobs)
	c.done.Wait()
	c.cancel(c.err)
	return c.err
}

// Each has f called with 0 to n-1, at most so many at once.
func Each(ctx context.Context, most, n int, f func(ctx context.Context, i int) error) error {
	c, ctx := New(ctx, most)
	for i := range n {
		c.Do(func() error { return f(ctx, i) })
	}
	return c.Wait()
}
