package registrytest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// The in-memory registry passes under every switch, so that a test that uses
// it is not misled.
func TestTheInMemoryRegistryConforms(t *testing.T) {
	for name, options := range map[string]memory.Options{
		"as it comes":     {},
		"no tag delete":   {NoTagDelete: true},
		"no delete":       {NoDigestDelete: true},
		"no catalog":      {NoCatalog: true, VagueTags: true},
		"keeps tags":      {KeepsTags: true, NoReferrers: true},
		"cascade":         {Cascade: true},
		"locks children":  {LocksChildren: true},
		"tells all":       {Rich: true, Untagged: true, PushTimes: true, PullTimes: true},
		"counts pulls":    {CountPulls: true, PullTimes: true},
		"components":      {Components: true, Rich: true, PushTimes: true, Untagged: true},
		"components only": {Components: true},
	} {
		t.Run(name, func(t *testing.T) {
			registrytest.Conformance(t, memory.Harness{Registry: memory.Load(world.New(world.DefaultNow), options)})
		})
	}
}

// recorder is a registrytest.T that remembers instead of failing.
type recorder struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
	skipped  string
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Helper()                  {}
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// watch runs one topic and returns what it complained about.
func watch(ctx context.Context, topic registrytest.Topic, h registrytest.Harness) *recorder {
	r := &recorder{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		topic.Run(r, h)
	}()
	<-done
	return r
}

// failing names the topics that a harness fails.
func failing(t *testing.T, h registrytest.Harness) map[string][]string {
	failed := map[string][]string{}
	for _, topic := range registrytest.Topics() {
		if r := watch(t.Context(), topic, h); len(r.problems) > 0 {
			failed[topic.Name] = r.problems
		}
	}
	return failed
}

func TestEveryBrokenAdapterIsCaught(t *testing.T) {
	for _, broken := range slices.Concat(brokenReaders, brokenMutators) {
		t.Run(broken.name, func(t *testing.T) {
			h := brokenHarness{
				Harness: memory.Harness{Registry: memory.Load(world.New(world.DefaultNow), broken.options)}, breakage: broken,
			}
			failed := failing(t, h)
			if len(failed) == 0 {
				t.Fatal("the suite did not notice")
			}
			if failed[broken.topic] == nil {
				t.Errorf("topic %s did not notice; these did: %v", broken.topic, failed)
			}
		})
	}
}

func TestAnUndeclaredCapabilityIsSkippedAloud(t *testing.T) {
	h := silentHarness{memory.Harness{Registry: memory.Load(world.New(world.DefaultNow), memory.Options{})}}
	skipped := map[string]string{}
	for _, topic := range registrytest.Topics() {
		r := watch(t.Context(), topic, h)
		if len(r.problems) > 0 {
			t.Errorf("%s: %v", topic.Name, r.problems)
		}
		if r.skipped != "" {
			skipped[topic.Name] = r.skipped
		}
	}
	for _, name := range []string{"catalog", "untag", "delete", "referrers", "untagged", "times"} {
		if !strings.HasPrefix(skipped[name], "not tried") {
			t.Errorf("topic %s was not skipped aloud: %q", name, skipped[name])
		}
	}
}

type silentHarness struct{ memory.Harness }

func (silentHarness) Declared() registrytest.Declared { return registrytest.Declared{} }
