package apply_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// A delete that the registry was not available for is sent again after half a
// minute of looks. Whatever was pushed by then stays.
func TestAPushBeforeADeleteIsSentAgain(t *testing.T) {
	for name, push := range map[string]func(r *world.Repository){
		"a new tag on it": func(r *world.Repository) { r.Tags["new"] = r.Tags["a"] },
		"a new index lists it": func(r *world.Repository) {
			r.Tag("new", r.Index(world.Index{Children: []*world.Manifest{r.Manifests[r.Tags["a"]]}}))
		},
		"a tag moves to it":               func(r *world.Repository) { r.Tags["kept"] = r.Tags["a"] },
		"one of its tags is pushed again": func(r *world.Repository) { r.Tag("a", r.Image(world.Image{})) },
	} {
		t.Run(name, func(t *testing.T) {
			r := twins(t, memory.Options{})
			image := digestOf(t, r, "app", "a")
			req := r.request()
			script := r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: fault.Refuse, Err: registry.ErrUnavailable})
			pushed := false
			req.Sleep = func(ctx context.Context, d time.Duration) error {
				if !pushed {
					pushed = true
					r.registry.Edit(func(w *world.World) { push(w.Repository("app")) })
				}
				return r.clock.Sleep(ctx, d)
			}
			result, err := applytest.Run(t.Context(), req)
			if err != nil || len(script.Unused()) > 0 {
				t.Fatalf("%v, unused faults %v", err, script.Unused())
			}
			if o := result.Outcomes[0]; o.Status.Succeeded() || result.Damaged {
				t.Errorf("%s (%s), %+v", o.Status, o.Error, result.Verifications)
			}
			if app := r.registry.World().Repositories["app"]; app.Manifests[image] == nil || len(app.Tags) < 3 {
				t.Errorf("left are %v", app.Tags)
			}
		})
	}
}

// Where nothing was pushed the second one does it.
func TestADeleteIsSentAgain(t *testing.T) {
	r, _ := images(t, 3, 1)
	req := r.request()
	r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: fault.Refuse, Err: registry.ErrUnavailable})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	r.check(t, "after", false)
	if r.clock.slept < 30*time.Second {
		t.Errorf("it was looked after for %v", r.clock.slept)
	}
}

// Twice is enough where it is of no use.
func TestADeleteIsSentTwice(t *testing.T) {
	r, _ := images(t, 3, 1)
	req := r.request()
	sent := 0
	script := r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Kind: fault.Refuse, Err: registry.ErrUnavailable})
	req.Sleep = func(ctx context.Context, d time.Duration) error {
		if sent++; sent > 100 {
			return context.Canceled
		}
		return r.clock.Sleep(ctx, d)
	}
	result, err := applytest.Run(t.Context(), req)
	if err != nil || len(script.Unused()) > 0 {
		t.Fatal(err, script.Unused())
	}
	if result.Counts[journal.Failed] != 1 || result.Counts[journal.Refused] != 2 || r.clock.slept > 65*time.Second {
		t.Errorf("%v after %v", result.Counts, r.clock.slept)
	}
}

// lateMutator holds deletes and tags back for longer than looks stand, so many
// times.
type lateMutator struct {
	mutate.Mutator
	times  int
	before func()
	within []time.Duration
}

func (l *lateMutator) hold(ctx context.Context) error {
	by, _ := registry.SendBy(ctx)
	l.within = append(l.within, time.Until(by).Round(time.Second))
	if l.times--; l.times < 0 {
		return nil
	}
	l.before()
	return registry.ErrLate
}

func (l *lateMutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	if err := l.hold(ctx); err != nil {
		return err
	}
	return l.Mutator.DeleteManifest(ctx, repository, digest)
}

func (l *lateMutator) Untag(ctx context.Context, tag mutate.Tag) error {
	if err := l.hold(ctx); err != nil {
		return err
	}
	return l.Mutator.Untag(ctx, tag)
}

// A request that the registry's limits hold back for minutes is not sent: the step
// looks again, and acts on what it sees then.
func TestARequestThatIsHeldBackIsLookedBeforeAgain(t *testing.T) {
	for name, push := range map[string]func(r *world.Repository){
		"nothing":          func(*world.Repository) {},
		"a new tag":        func(r *world.Repository) { r.Tags["new"] = r.Tags["a"] },
		"the tag is moved": func(r *world.Repository) { r.Tag("a", r.Image(world.Image{})) },
	} {
		for kind, remove := range map[string][]string{"delete": {"a", "b"}, "untag": {"a"}} {
			t.Run(kind+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := twinsWithout(t, memory.Options{}, remove...)
					image := digestOf(t, r, "app", "a")
					req := r.request()
					mutator := &lateMutator{Mutator: r.registry.Mutator(), times: 3, before: func() {
						_ = r.clock.Sleep(context.Background(), time.Minute)
					}}
					late := mutator.before
					mutator.before = func() {
						if mutator.times == 0 {
							r.registry.Edit(func(w *world.World) { push(w.Repository("app")) })
						}
						late()
					}
					req.Registries[r.info.Name] = r.given(r.registry.Reader(), mutator)
					result, err := applytest.Run(t.Context(), req)
					if err != nil {
						t.Fatal(err)
					}
					done := name == "nothing" || kind == "untag" && name == "a new tag"
					if o := result.Outcomes[0]; o.Status.Succeeded() != done || result.Damaged || len(result.Outcomes) != 1 {
						t.Errorf("%s (%s)", o.Status, o.Error)
					}
					left := r.registry.World().Repositories["app"]
					if name == "a new tag" && left.Tags["new"] != image || name == "the tag is moved" && left.Tags["a"] == "" {
						t.Errorf("left are %v", left.Tags)
					}
					// A look may grow twice as old each time.
					want := []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
					if done && !slices.Equal(mutator.within, want) || !done && !slices.Equal(mutator.within, want[:3]) {
						t.Errorf("sent within %v", mutator.within)
					}
				})
			})
		}
	}
}

// The time that a request may be held back counts from the look before it.
func TestTheTimeOfARequestCountsFromTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := twins(t, memory.Options{})
		r.registry.Before(func(c call.Call) {
			if c.Op == call.Head {
				_ = r.clock.Sleep(context.Background(), time.Second)
			}
		})
		req := r.request()
		mutator := &lateMutator{Mutator: r.registry.Mutator()}
		req.Registries[r.info.Name] = r.given(r.registry.Reader(), mutator)
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		allDone(t, result)
		if want := []time.Duration{13 * time.Second}; !slices.Equal(mutator.within, want) { // its two tags
			t.Errorf("sent within %v, want %v", mutator.within, want)
		}
	})
}

// latePlaceholder holds back what is put over a tag.
type latePlaceholder struct {
	mutate.Mutator
	over   string
	within time.Duration
}

func (l *latePlaceholder) PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error {
	if reference != l.over {
		return l.Mutator.PutManifest(ctx, repository, reference, manifest)
	}
	by, _ := registry.SendBy(ctx)
	l.within = time.Until(by).Round(time.Second)
	return registry.ErrLate
}

// A placeholder that was held back is not put over a tag.
func TestAPlaceholderThatIsHeldBackIsNotPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, remove := company(false)
		r := newRig(t, w, remove, memory.Options{NoTagDelete: true})
		overwriting(r)
		r.plan.Steps = slices.DeleteFunc(r.plan.Steps, func(s plan.Step) bool { return s.Action != plan.OverwriteTag })
		renumber(r)
		req := r.request()
		mutator := &latePlaceholder{Mutator: r.registry.Mutator(), over: "shared-old"}
		req.Registries[r.info.Name] = r.given(r.registry.Reader(), mutator)
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if o := result.Outcomes[0]; o.Status != journal.Failed || !strings.Contains(o.Error, registry.ErrLate.Error()) || result.Damaged {
			t.Errorf("%s (%s)", o.Status, o.Error)
		}
		// Nothing is waited for: it was not sent.
		if is := r.registry.World().Repositories["app"].Tags["shared-old"]; is != result.Outcomes[0].Digest || r.clock.slept > 0 || mutator.within != 15*time.Second {
			t.Errorf("it points to %s after %v, sent within %v", is, r.clock.slept, mutator.within)
		}
	})
}

// Tags that a deleted manifest left are helped away by name, each on a fresh look.
func TestHelpForTagsIsNotHeldBack(t *testing.T) {
	for name, options := range map[string]memory.Options{"they serve on": {KeepsTags: true}, "they linger": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := twins(t, options)
				if name == "they linger" {
					killed(t, r)
				}
				mutator := &lateMutator{Mutator: r.registry.Mutator()}
				req := r.request()
				for _, run := range r.state.Runs() {
					req.Resume = &run
				}
				r.state.Restart()
				req.Registries[r.info.Name] = r.given(r.registry.Reader(), mutator)
				result, err := applytest.Run(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				allDone(t, result)
				if n := len(mutator.within); n < 2 || slices.ContainsFunc(mutator.within, func(d time.Duration) bool { return d != 15*time.Second }) {
					t.Errorf("sent within %v", mutator.within)
				}
			})
		})
	}
}
