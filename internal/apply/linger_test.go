package apply_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// twins is a repository of one doomed image with the tags a and b.
func twins(t *testing.T, options memory.Options) *rig {
	t.Helper()
	return twinsWithout(t, options, "a", "b")
}

// twinsWithout is the same with a plan for other tags.
func twinsWithout(t *testing.T, options memory.Options, tags ...string) *rig {
	t.Helper()
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	app.Tag("kept", app.Image(world.Image{}))
	old := app.Image(world.Image{})
	app.Tag("a", old)
	app.Tag("b", old)
	return newRig(t, w, applytest.Remove{"app": tags}, options)
}

// cutOff has the registry delete manifests and leave their tags, as one that
// stops in the middle.
func cutOff(r *rig) {
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest {
			r.registry.Edit(func(w *world.World) {
				for tag, digest := range r.before.Repositories[c.Repository].Tags {
					if string(digest) == c.Reference {
						w.Repository(c.Repository).Tags[tag] = digest
					}
				}
			})
		}
	})
}

// killed runs until the registry has deleted the manifest and kept its tags.
func killed(t *testing.T, r *rig) {
	t.Helper()
	cutOff(r)
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Kind: fault.CrashAfter})
	if _, err := applytest.Run(t.Context(), req); err == nil {
		t.Fatal("the run was not cut off")
	}
	r.registry.After(nil)
	r.registry.Forget()
	if app := r.registry.World().Repositories["app"]; len(app.Tags) != 3 || len(app.Manifests) != 1 {
		t.Fatalf("left are %v", app.Tags)
	}
}

func TestTagsThatLingerAfterAKillAreRemoved(t *testing.T) {
	r := twins(t, memory.Options{})
	killed(t, r)
	witness(t, r)
	allDone(t, r.resume(t))
	r.check(t, "resumed", false)
	// Listed by the survey, then to see what lingers, then that it is gone.
	if counts := r.registry.Counts(); counts[call.Tags] != 3 || counts[call.Untag] != 2 {
		t.Errorf("%v", counts)
	}
}

// The registry works on after the kill, and is cut off when the resume has read
// the tags.
func TestTagsThatLingerSinceTheResumeBeganAreRemoved(t *testing.T) {
	r := twins(t, memory.Options{})
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Kind: fault.CrashBefore})
	if _, err := applytest.Run(t.Context(), req); err == nil {
		t.Fatal("the run was not cut off")
	}
	looks := 0
	r.registry.Before(func(c call.Call) {
		if c.Op == call.Head && c.Reference == "a" {
			looks++
		}
		if looks == 2 {
			r.registry.Edit(func(w *world.World) {
				delete(w.Repository("app").Manifests, w.Repository("app").Tags["a"])
			})
		}
	})
	allDone(t, r.resume(t))
	r.check(t, "resumed", false)
}

// Tags that serve on after a delete with an unclear answer are removed once.
func TestTagsThatServeOnDoNotLinger(t *testing.T) {
	r := twins(t, memory.Options{KeepsTags: true})
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: fault.LoseAnswer})
	result, err := applytest.Run(t.Context(), req)
	if err != nil || result.Open() != 0 || result.Outcomes[0].Error != "" || r.registry.Counts()[call.Untag] != 2 {
		t.Errorf("%v, %+v, %v", err, result.Outcomes, r.registry.Counts())
	}
	r.check(t, "after", false)
}

// No kill, but an answer that does not say how far the registry came; or a first
// delete that failed, and a second one that finds that it had an effect.
func TestTagsThatLingerAfterAnUnclearAnswerAreRemoved(t *testing.T) {
	for kind, listings := range map[fault.Kind]int{
		fault.LoseAnswer: 3, fault.Refuse: 4, // before the second delete, too
	} {
		r := twins(t, memory.Options{})
		cutOff(r)
		r.registry.Before(func(c call.Call) {
			if kind == fault.Refuse && c.Op == call.DeleteManifest {
				r.registry.Edit(func(w *world.World) { delete(w.Repository("app").Manifests, oci.Digest(c.Reference)) })
			}
		})
		req := r.request()
		r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: kind})
		result, err := applytest.Run(t.Context(), req)
		if err != nil || result.Open() != 0 || result.Outcomes[0].Error != "" {
			t.Errorf("%v: %v, %+v", kind, err, result.Outcomes)
		}
		r.check(t, "after", false)
		if counts := r.registry.Counts(); counts[call.Tags] != listings || counts[call.Untag] != 2 {
			t.Errorf("%v: %v", kind, counts)
		}
	}
}

// Somebody pushes a tag again, to another image, at every moment of the resume
// but the one between the look at it and its deletion: it stays.
func TestATagThatIsPushedAgainIsNoTagThatLingers(t *testing.T) {
	for at, pushed := 0, true; pushed; at++ {
		r := twins(t, memory.Options{})
		killed(t, r)
		pushed = false
		tooLate := false
		r.registry.Before(func(c call.Call) {
			if len(r.registry.Calls()) == at+1 {
				pushed, tooLate = true, c.Op == call.Untag && c.Reference == "a"
				r.registry.Edit(func(w *world.World) { w.Repository("app").Tag("a", w.Repository("app").Image(world.Image{})) })
			}
		})
		result := r.resume(t)
		allDone(t, result)
		if o := result.Outcomes[0]; o.Error != "" {
			t.Errorf("pushed at request %d: %s", at, o.Error)
		}
		left := r.registry.World().Repositories["app"].Tags
		if stays := left["a"] != ""; stays != (pushed && !tooLate) || left["b"] != "" {
			t.Errorf("pushed at request %d, left are %v", at, left)
		}
	}
}

// The same image, pushed again after its tags were seen to linger.
func TestAnImageThatIsPushedAgainHasNoTagsThatLinger(t *testing.T) {
	r := twins(t, memory.Options{})
	killed(t, r)
	r.registry.Before(func(c call.Call) {
		entries := r.state.Entries(r.state.Runs()[0].ID)
		if last := entries[len(entries)-1].Intent; last != nil && last.Action == plan.Untag {
			r.registry.Edit(func(w *world.World) {
				digest := w.Repository("app").Tags["a"]
				w.Repository("app").Manifests[digest] = r.before.Repositories["app"].Manifests[digest]
			})
		}
	})
	if o := r.resume(t).Outcomes[0]; o.Status != journal.Changed || r.registry.Counts()[call.Untag] != 0 {
		t.Errorf("%s (%s), %v", o.Status, o.Error, r.registry.Counts())
	}
	if left := r.registry.World().Repositories["app"].Tags; len(left) != 3 {
		t.Errorf("left are %v", left)
	}
}

// Where a tag cannot be deleted alone, or is not, the step says what to do.
func TestTagsThatLingerOnAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		options memory.Options
		fault   fault.Fault
		tried   int
	}{
		"not supported": {options: memory.Options{NoTagDelete: true}},
		"denied":        {fault: fault.Fault{Op: call.Untag, Kind: fault.Refuse, Err: registry.ErrDenied}, tried: 1},
		"a lie":         {fault: fault.Fault{Op: call.Untag, Kind: fault.Lie}, tried: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := twins(t, c.options)
			killed(t, r)
			r.state.Restart()
			req := r.request()
			req.Resume = &r.state.Runs()[0]
			script := r.faulty(&req, c.fault)
			result, err := applytest.Run(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if o := result.Outcomes[0]; o.Status != journal.Done || !strings.Contains(o.Error, "still lists its tags a, b") || !strings.Contains(o.Error, "push them again") {
				t.Errorf("%s (%s)", o.Status, o.Error)
			}
			if counts := r.registry.Counts(); counts[call.Tags] != 2+c.tried || counts[call.Untag] != 0 || len(script.Unused()) != 1-c.tried {
				t.Errorf("%v", counts)
			}
		})
	}
}

// resumedAfter a run of many steps of which all but the first have deleted their
// manifest and have no outcome.
func resumedAfter(t *testing.T, lingers bool) (*rig, map[call.Op]int) {
	t.Helper()
	r, tags := images(t, 100, 8)
	r.state = applytest.NewState(applytest.Failure{Write: applytest.Record, Nth: 2, Way: applytest.CrashBefore})
	if lingers {
		cutOff(r)
	}
	if _, err := applytest.Run(t.Context(), r.request()); err == nil || r.registry.Counts()[call.DeleteManifest] != len(tags) {
		t.Fatalf("%v: %v", err, r.registry.Counts())
	}
	r.registry.After(nil)
	r.registry.Forget()
	result := r.resume(t)
	if result.Counts[journal.Done] != len(tags) {
		t.Errorf("%s", exceptions(result))
	}
	return r, r.registry.Counts()
}

// The listing that a resume begins with shows that no tag lingers.
func TestAResumeAfterCleanDeletesListsTagsOnce(t *testing.T) {
	if _, counts := resumedAfter(t, false); counts[call.Tags] != 1 || counts[call.Untag] != 0 {
		t.Errorf("%v", counts)
	}
}

func TestTagsThatLingerAreListedForAllStepsAtOnce(t *testing.T) {
	r, counts := resumedAfter(t, true)
	if counts[call.Tags] != 3 || counts[call.Untag] != 99 {
		t.Errorf("%v", counts)
	}
	if left := r.registry.World().Repositories["app"].Tags; len(left) != 2 { // kept, and that of the first, whose answer was clear
		t.Errorf("%v", left)
	}
}

// Whatever fails while tags that linger are removed, or is the last thing that
// the process does: nothing kept is touched, nothing happens without an intent,
// and a resume ends well. What is not known is not called done.
func TestFaultsWhileTagsThatLingerAreRemoved(t *testing.T) {
	r := twins(t, memory.Options{})
	killed(t, r)
	r.resume(t)
	for op, n := range r.registry.Counts() {
		for nth := 1; nth <= n; nth++ {
			for _, kind := range []fault.Kind{fault.CrashBefore, fault.CrashAfter, fault.Refuse, fault.Shorten} {
				f := fault.Fault{Op: op, Nth: nth, Kind: kind}
				// A first listing that ends early hides them as if they were gone.
				if kind == fault.Shorten && (op != call.Tags || nth == 1) || kind == fault.Refuse && op == call.Untag {
					continue
				}
				t.Run(f.String(), func(t *testing.T) {
					r := twins(t, memory.Options{})
					killed(t, r)
					r.state.Restart()
					witness(t, r)
					req := r.request()
					req.Resume = &r.state.Runs()[0]
					r.faulty(&req, f)
					result, err := applytest.Run(t.Context(), req)
					if crash := kind == fault.CrashBefore || kind == fault.CrashAfter; err != nil && !crash {
						t.Errorf("error: %v", err)
					}
					if len(r.registry.World().Repositories["app"].Tags) > 1 && result.Counts[journal.Done] > 0 {
						t.Errorf("done, with tags that linger: %+v", result.Outcomes)
					}
					r.check(t, "stopped", true)
					settle(t, r)
					r.check(t, "resumed", false)
				})
			}
		}
	}
}

// The real registry, whose client is gone before it looks for the tags of the
// manifest that it has deleted.
func TestTagsThatLingerInDistribution(t *testing.T) {
	for _, dies := range []bool{true, false} {
		t.Run(fmt.Sprintf("killed %v", dies), func(t *testing.T) {
			w := world.New(world.DefaultNow)
			app := w.Repository("app")
			app.Tag("kept", app.Image(world.Image{}))
			old := app.Image(world.Image{})
			app.Tag("a", old)
			app.Tag("b", old)
			state := applytest.NewState(applytest.Failure{})
			var cut atomic.Bool
			host := live.Distribution(t, server.Options{Wrap: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodDelete || !strings.HasSuffix(r.URL.Path, string(old.Digest)) || cut.Swap(true) {
						next.ServeHTTP(rw, r)
						return
					}
					gone, leave := context.WithCancel(r.Context())
					leave()
					next.ServeHTTP(rw, r.WithContext(gone))
					if dies {
						state.Die()
					}
					panic(http.ErrAbortHandler)
				})
			}}).Host
			if err := w.Push(t.Context(), host); err != nil {
				t.Fatal(err)
			}
			info, given, err := connect(t.Context(), host)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := applytest.Plan(w, info, applytest.Remove{"app": {"a", "b"}}, w.Now)
			clock := &clock{now: w.Now}
			req := apply.Request{
				Plan: applytest.InMemory{Plan: p}, Journal: state, Locks: state, Memory: state, Archive: state,
				Now: clock.Now, Sleep: clock.Sleep, Registries: map[string]apply.Registry{host: given},
			}
			result, err := applytest.Run(t.Context(), req)
			if dies != (err != nil) || !cut.Load() {
				t.Fatalf("cut off: %v, %v", cut.Load(), err)
			}
			if dies {
				if left := listedIn(t, given.Reader); !slices.Equal(left, []string{"a", "b", "kept"}) {
					t.Fatalf("the kill left %v", left)
				}
				state.Restart()
				req.Resume = &state.Runs()[0]
				if result, err = applytest.Run(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}
			allDone(t, result)
			if left := listedIn(t, given.Reader); !slices.Equal(left, []string{"kept"}) {
				t.Errorf("listed are %v", left)
			}
		})
	}
}

func listedIn(t *testing.T, reader registry.Reader) (names []string) {
	t.Helper()
	for tag, err := range reader.Tags(t.Context(), "app") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tag.Name)
	}
	slices.Sort(names)
	return names
}
