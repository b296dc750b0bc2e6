package crew_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/regkeep/regkeep/internal/crew"
)

func TestEveryJobIsDoneByFew(t *testing.T) {
	const most, jobs = 4, 1000
	c, ctx := crew.New(t.Context(), most)
	var done, now, highest atomic.Int64
	for range jobs {
		c.Do(func() error {
			for n, h := now.Add(1), highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
			}
			runtime.Gosched()
			now.Add(-1)
			done.Add(1)
			return nil
		})
	}
	if err := c.Wait(); err != nil || done.Load() != jobs || highest.Load() > most {
		t.Errorf("%d of %d jobs, %d at once, %v", done.Load(), jobs, highest.Load(), err)
	}
	if ctx.Err() == nil {
		t.Error("the context outlives the crew")
	}
}

// Jobs that need each other meet: as many as may be are at work at once.
func TestJobsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := crew.New(t.Context(), 3)
		meet := make(chan struct{})
		c.Do(func() error { <-meet; return nil })
		c.Do(func() error { <-meet; return nil })
		c.Do(func() error { meet <- struct{}{}; meet <- struct{}{}; return nil })
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheFirstErrorEndsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := errors.New("first"), errors.New("second")
		c, ctx := crew.New(t.Context(), 2)
		c.Do(func() error { return first })
		synctest.Wait()
		if context.Cause(ctx) != first {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		after := false
		c.Do(func() error { return second })
		c.Do(func() error { after = true; return nil }) // as errgroup does: it sees the context
		if err := c.Wait(); err != first || !after {
			t.Errorf("%v, %v", err, after)
		}
	})
}

// Who has nothing to do is given the next job.
func TestTheSameGoroutineDoesMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := crew.New(t.Context(), 100)
		before := runtime.NumGoroutine()
		for range 50 {
			c.Do(func() error { return nil })
			synctest.Wait()
		}
		if more := runtime.NumGoroutine() - before; more != 1 {
			t.Errorf("%d goroutines for one job at a time", more)
		}
		_ = c.Wait()
	})
}
