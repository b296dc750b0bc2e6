package crew_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/regkeep/regkeep/internal/crew"
)

// Groups share a crew: every job of each is done, and no more at once than the
// crew may do.
func TestEveryJobIsDoneByFew(t *testing.T) {
	const most, groups, jobs = 4, 5, 200
	c := crew.New(most)
	var now, highest atomic.Int64
	var waiting sync.WaitGroup
	for range groups {
		waiting.Go(func() {
			var done atomic.Int64
			err := c.Each(t.Context(), jobs, func(context.Context, int) error {
				for n, h := now.Add(1), highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
				}
				runtime.Gosched()
				now.Add(-1)
				done.Add(1)
				return nil
			})
			if err != nil || done.Load() != jobs {
				t.Errorf("%d of %d jobs, %v", done.Load(), jobs, err)
			}
		})
	}
	waiting.Wait()
	c.Close()
	if highest.Load() > most {
		t.Errorf("%d at once", highest.Load())
	}
}

// As many jobs as may be are at work at once: those that need each other meet.
func TestJobsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crew.New(3)
		defer c.Close()
		g, ctx := c.Group(t.Context())
		meet := make(chan struct{})
		g.Do(func() error { <-meet; return nil })
		g.Do(func() error { <-meet; return nil })
		g.Do(func() error { meet <- struct{}{}; meet <- struct{}{}; return nil })
		if err := g.Wait(); err != nil || ctx.Err() == nil {
			t.Errorf("%v; the context says %v", err, ctx.Err())
		}
	})
}

func TestTheFirstErrorEndsTheContextOfItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crew.New(2)
		defer c.Close()
		first, second := errors.New("first"), errors.New("second")
		g, ctx := c.Group(t.Context())
		other, untouched := c.Group(t.Context())
		g.Do(func() error { return first })
		synctest.Wait()
		if context.Cause(ctx) != first || untouched.Err() != nil {
			t.Errorf("cause %v; the other group's context says %v", context.Cause(ctx), untouched.Err())
		}
		after := false
		g.Do(func() error { return second })
		g.Do(func() error { after = true; return nil }) // as errgroup does: it sees the context
		if err := g.Wait(); err != first || !after {
			t.Errorf("%v, %v", err, after)
		}
		if err := other.Wait(); err != nil {
			t.Errorf("the other group: %v", err)
		}
	})
}
