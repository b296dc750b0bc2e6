package crew

import (
	"testing"
	"testing/synctest"
)

// Who has nothing to do is given the next job.
func TestTheSameGoroutineDoesMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(100)
		defer c.Close()
		g, _ := c.Group(t.Context())
		for range 50 {
			g.Do(func() error { return nil })
			synctest.Wait()
		}
		if started := len(c.places); started != 1 {
			t.Errorf("%d goroutines for one job at a time", started)
		}
		_ = g.Wait()
	})
}
