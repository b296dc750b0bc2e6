package apply_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// images is a repository of doomed images, each with one tag, in the order of
// the plan.
func images(t *testing.T, n, concurrency int) (r *rig, tags []string) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	app.Tag("kept", app.Image(world.Image{}))
	remove := applytest.Remove{}
	for i := range n {
		tag := fmt.Sprintf("old-%03d", i)
		app.Tag(tag, app.Image(world.Image{}))
		remove["app"] = append(remove["app"], tag)
	}
	r = newRig(t, w, remove, memory.Options{})
	r.concurrency = concurrency
	for _, s := range r.plan.Steps {
		tags = append(tags, s.Takes[0])
	}
	return r, tags
}

// Somebody promotes a doomed image while others of the repository are being
// deleted: it is seen at the next listing, which every step that begins later
// waits for.
func TestATagPushedWhileOthersAreDeleted(t *testing.T) {
	for _, at := range []int{40, 60, 99} {
		r, tags := images(t, 100, 8)
		var once sync.Once
		promoted := r.before.Repositories["app"].Tags[tags[at]]
		r.registry.After(func(c call.Call) {
			if c.Op == call.DeleteManifest {
				once.Do(func() {
					r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["v1.0"] = promoted })
					_ = r.clock.Sleep(context.Background(), 16*time.Second)
				})
			}
		})
		result := r.apply(t)
		if o := outcome(t, r, result, tags[at]); o.Status != journal.Changed || !strings.Contains(o.Error, `"v1.0"`) {
			t.Errorf("%s: %s (%s)", tags[at], o.Status, o.Error)
		}
		if left := r.registry.World().Repositories["app"]; left.Manifests[promoted] == nil || left.Tags["v1.0"] != promoted {
			t.Error("the promoted image is gone")
		}
		if n := r.registry.Counts()[call.Tags]; n != 3 {
			t.Errorf("%d listings", n)
		}
	}
}

// A tag that stays is moved to a doomed image while others are deleted, as a
// promotion by retag does; so is one that was new a moment before, and one that
// was to go with another image. All are seen with the next listing.
func TestATagMovedWhileOthersAreDeleted(t *testing.T) {
	r, tags := images(t, 100, 8)
	was := r.before.Repositories["app"].Tags
	moved := map[string]string{"kept": tags[60], "new": tags[70], tags[99]: tags[80]} // to what they point to
	var mu sync.Mutex
	deleted := 0
	r.registry.After(func(c call.Call) {
		mu.Lock()
		defer mu.Unlock()
		if c.Op != call.DeleteManifest {
			return
		}
		switch deleted++; deleted {
		case 1:
			r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["new"] = was["kept"] })
			_ = r.clock.Sleep(context.Background(), 16*time.Second)
		case 30:
			r.registry.Edit(func(w *world.World) {
				for tag, to := range moved {
					w.Repository("app").Tags[tag] = was[to]
				}
			})
			_ = r.clock.Sleep(context.Background(), 16*time.Second)
		}
	})
	result := r.apply(t)
	left := r.registry.World().Repositories["app"]
	for tag, to := range moved {
		if o := outcome(t, r, result, to); o.Status != journal.Changed || !strings.Contains(o.Error, strconv.Quote(tag)) {
			t.Errorf("%s: %s (%s)", to, o.Status, o.Error)
		}
		if left.Manifests[was[to]] == nil || left.Tags[tag] != was[to] {
			t.Errorf("what %s points to is gone", tag)
		}
	}
	if result.Damaged {
		t.Errorf("%+v", result.Verifications)
	}
}

// Looks that take long are made again so rarely that they take a tenth of the time.
func TestAllTagsAreLookedAtSeldom(t *testing.T) {
	r, _ := images(t, 100, 1)
	began, looks := r.clock.Now(), 0
	var at []time.Duration
	r.registry.Before(func(c call.Call) {
		switch {
		case c.Op == call.Head && looks < 101: // those of the survey
			looks++
			_ = r.clock.Sleep(context.Background(), 100*time.Millisecond)
		case c.Op == call.Head && c.Reference == "kept":
			at = append(at, r.clock.Now().Sub(began).Round(time.Second))
			_ = r.clock.Sleep(context.Background(), 10*time.Second) // it alone takes as long as they did
		case c.Op == call.DeleteManifest:
			_ = r.clock.Sleep(context.Background(), 4*time.Second)
		}
	})
	allDone(t, r.apply(t))
	// The survey ends after 10 s; nine times that later, and so on; the last one
	// verifies.
	if len(at) < 4 || at[0] < 101*time.Second || at[1]-at[0] < 100*time.Second || at[1]-at[0] > 120*time.Second {
		t.Errorf("the tag that stays is looked at after %v", at)
	}
}

// A list that takes longer to read than it stands, as one of many tags with few to
// a page does, is not read again for every step.
func TestALongListIsNotReadForEveryStep(t *testing.T) {
	r, _ := images(t, 100, 8)
	r.registry.Before(func(c call.Call) {
		switch c.Op {
		case call.Tags:
			_ = r.clock.Sleep(context.Background(), 20*time.Second)
		case call.DeleteManifest:
			_ = r.clock.Sleep(context.Background(), time.Second)
		}
	})
	began := r.clock.Now()
	allDone(t, r.apply(t))
	// A hundred seconds of deletes, and a list for each minute of them: so that a
	// quarter of the time is taken by lists.
	if n, took := r.registry.Counts()[call.Tags], r.clock.Now().Sub(began); n < 4 || n > 6 || took > 4*time.Minute {
		t.Errorf("%d listings in %v", n, took)
	}
}

// A tag of an earlier step was moved to the image of a later one after the
// survey. However long the look at it takes, the later step, which has looked
// and found its own tag in place, waits for what the earlier look finds.
func TestNobodyActsBeforeThoseInFrontHaveLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, tags := images(t, 12, 12)
		first, later := tags[2], tags[9]
		looks := 0
		var mu sync.Mutex
		r.registry.Before(func(c call.Call) {
			if c.Op != call.Head || c.Reference != first {
				return
			}
			mu.Lock()
			looks++
			second := looks == 2
			mu.Unlock()
			if second {
				r.registry.Edit(func(w *world.World) { w.Repository("app").Tags[first] = w.Repository("app").Tags[later] })
				time.Sleep(time.Minute)
			}
		})
		result := r.apply(t)
		for _, tag := range []string{first, later} {
			if o := outcome(t, r, result, tag); o.Status != journal.Changed {
				t.Errorf("%s: %s (%s)", tag, o.Status, o.Error)
			}
		}
		if result.Counts[journal.Done] != len(tags)-2 {
			t.Errorf("%v", result.Counts)
		}
	})
}

// Every step looks at its tag right before it acts, whatever the survey saw.
func TestEveryStepLooksBeforeItActs(t *testing.T) {
	r, tags := images(t, 40, 8)
	var once sync.Once
	moved := tags[5:]
	r.registry.Before(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			once.Do(func() {
				r.registry.Edit(func(w *world.World) {
					for _, tag := range moved[20:] {
						w.Repository("app").Tag(tag, w.Repository("app").Image(world.Image{}))
					}
				})
			})
		}
	})
	result := r.apply(t)
	for _, tag := range moved[20:] {
		if o := outcome(t, r, result, tag); o.Status != journal.Changed {
			t.Errorf("%s: %s (%s)", tag, o.Status, o.Error)
		}
	}
}

// What a registry does wrong when a tag is removed, it does to one image and
// not to as many as may be under way.
func TestTheFirstTagGoesAlone(t *testing.T) {
	synctest.Test(t, theFirstTagGoesAlone)
}

func theFirstTagGoesAlone(t *testing.T) {
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	remove := applytest.Remove{}
	for i := range 30 {
		image := app.Image(world.Image{})
		app.Tag(fmt.Sprintf("old-%d", i), image)
		app.Tag(fmt.Sprintf("kept-%d", i), image)
		remove["app"] = append(remove["app"], fmt.Sprintf("old-%d", i))
	}
	r := newRig(t, w, remove, memory.Options{})
	r.concurrency = 16
	r.registry.After(func(c call.Call) {
		if c.Op != call.Untag {
			return
		}
		time.Sleep(time.Second)
		digest := r.before.Repositories["app"].Tags[c.Reference]
		r.registry.Edit(func(w *world.World) {
			delete(w.Repository("app").Manifests, digest)
			delete(w.Repository("app").Tags, strings.Replace(c.Reference, "old", "kept", 1))
		})
	})
	result := r.apply(t)
	if n := r.registry.Counts()[call.Untag]; n != 1 {
		t.Errorf("%d tags were removed from a registry that takes manifests along", n)
	}
	if result.Counts[journal.Failed] != 1 || result.Counts[journal.Refused] != 29 || result.Damaged {
		t.Errorf("%v, damaged: %v", result.Counts, result.Damaged)
	}
	r.expected = world.Expectation{Removed: map[world.Ref]bool{{Repository: "app", Tag: "old-0"}: true}}
	r.check(t, "after", false)
}

// What has not acted does not act any more once the repository is given up, the
// journal is broken or somebody stops the run, though it has looked already.
func TestWhatHasNotActedStops(t *testing.T) {
	for name, c := range map[string]struct {
		fault   fault.Fault
		failure applytest.Failure
		stops   bool
		status  journal.Status // of the others; "": none
	}{
		"given up": {fault: fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: fault.Refuse, Err: registry.ErrDenied}, status: journal.Refused},
		"broken":   {failure: applytest.Failure{Write: applytest.Record, Nth: 1, Way: applytest.Lost}},
		"stopped":  {stops: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := images(t, 12, 12)
				r.state = applytest.NewState(c.failure)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				first := string(r.plan.Steps[0].Digest)
				r.registry.Before(func(c call.Call) {
					if c.Op == call.Manifest && c.Reference != first {
						time.Sleep(time.Minute)
					}
				})
				r.registry.After(func(done call.Call) {
					if c.stops && done.Op == call.DeleteManifest {
						cancel()
					}
				})
				req := r.request()
				r.faulty(&req, c.fault)
				result, err := applytest.Run(ctx, req)
				if (err != nil) != (c.failure.Write != "") {
					t.Errorf("error: %v", err)
				}
				if n := r.registry.Counts()[call.DeleteManifest]; n > 1 {
					t.Errorf("%d deletions", n)
				}
				for _, o := range result.Outcomes[1:] {
					if o.Status != c.status {
						t.Errorf("step %d is %s (%s)", o.Seq, o.Status, o.Error)
					}
				}
				r.check(t, "after", true)
			})
		})
	}
}

// Only as many steps are under way as the registry answers requests, however
// many the user allows.
func TestStepsFollowThePaceOfTheRegistry(t *testing.T) {
	r, _ := images(t, 60, 64)
	req := r.request()
	given := req.Registries[r.info.Name]
	given.Places = func() int { return 2 }
	req.Registries[r.info.Name] = given
	var deletes, most atomic.Int32
	r.registry.Before(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			now := deletes.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
		}
	})
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			deletes.Add(-1)
		}
	})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	if most.Load() > 4 {
		t.Errorf("%d deletions at once", most.Load())
	}
}

// Repositories are looked at side by side, and together no more is looked at than
// one of them may: a goroutine for every tag of every repository would take more
// memory than all that is known about them.
func TestRepositoriesShareTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 8
		w := world.New(world.DefaultNow)
		remove := applytest.Remove{}
		for n := range most {
			name := fmt.Sprintf("app-%d", n)
			repo := w.Repository(name)
			for i := range 2 * most {
				tag := fmt.Sprintf("t-%02d", i)
				repo.Tag(tag, repo.Image(world.Image{}))
				if i%2 == 0 {
					remove[name] = append(remove[name], tag)
				}
			}
		}
		r := newRig(t, w, remove, memory.Options{})
		r.concurrency = most
		var now, highest atomic.Int64
		r.registry.Before(func(c call.Call) {
			if c.Op == call.Head {
				now.Add(1)
				time.Sleep(time.Millisecond)
				highest.Store(max(highest.Load(), now.Load()))
				now.Add(-1)
			}
		})
		allDone(t, r.apply(t))
		if n := highest.Load(); n < most || n > most+2*most { // and those of the steps
			t.Errorf("%d looks at once", n)
		}
	})
}
