package inventory

import (
	"context"
	"sync"
)

// pool is a fixed number of goroutines that send requests. It lives while
// somebody holds it.
type pool struct {
	workers int

	mu      sync.Mutex
	holders int
	jobs    chan func()
	done    sync.WaitGroup
}

// hold starts the workers if nobody else has; release stops them after the
// last holder.
func (p *pool) hold() (jobs chan<- func(), release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders == 0 {
		p.jobs = make(chan func())
		for range p.workers {
			p.done.Go(func() {
				for job := range p.jobs {
					job()
				}
			})
		}
	}
	p.holders++
	return p.jobs, p.release
}

func (p *pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders--; p.holders == 0 {
		close(p.jobs)
		p.done.Wait()
	}
}

// do runs one job on a worker and waits for it.
func do(ctx context.Context, jobs chan<- func(), job func()) error {
	finished := make(chan struct{})
	select {
	case jobs <- func() { defer close(finished); job() }:
		<-finished
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
