package apply_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
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
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// crowd is company many times over, so that every layer has steps that are
// carried out side by side: shared digests, nested indexes of three depths with
// shared children, attachments of attachments.
func crowd(fallback bool) (*world.World, applytest.Remove) {
	w := world.New(world.DefaultNow)
	remove := applytest.Remove{}
	for _, name := range []string{"app", "web"} {
		r := w.Repository(name)
		kept := r.Image(world.Image{})
		r.Tag("kept", kept)
		r.Cosign(kept.Digest, "sig")
		go3 := r.Index(world.Index{Children: []*world.Manifest{r.Image(world.Image{}), r.Image(world.Image{})}})
		go2 := r.Index(world.Index{Children: []*world.Manifest{go3}})
		for i := range 6 {
			tag := func(format string) string { return fmt.Sprintf(format, i) }
			old := r.Image(world.Image{})
			r.Tag(tag("old-%d"), old)
			r.Cosign(old.Digest, "sig")
			r.Tag(tag("shared-%d"), kept)
			child, shared := r.Image(world.Image{}), r.Image(world.Image{})
			multi := r.Index(world.Index{Children: []*world.Manifest{child, shared}})
			nested := r.Index(world.Index{Children: []*world.Manifest{multi, go2}})
			r.Tag(tag("multi-%d"), nested)
			r.Tag(tag("inner-%d"), multi)
			r.Tag(tag("stays-%d"), r.Index(world.Index{Children: []*world.Manifest{shared}}))
			sbom := r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: nested})
			r.Artifact(world.Artifact{Type: "application/vnd.example.sig", Subject: sbom})
			remove[name] = append(remove[name], tag("old-%d"), tag("shared-%d"), tag("multi-%d"), tag("inner-%d"))
		}
		if fallback {
			r.FallbackTags()
		}
	}
	return w, remove
}

// crowded is a rig for it, with the steps in the order in which package plan
// puts them: tags, indexes, other manifests, attachments.
func crowded(t testing.TB, options memory.Options, concurrency int) *rig {
	t.Helper()
	w, remove := crowd(options.NoReferrers)
	r := newRig(t, w, remove, options)
	r.concurrency = concurrency
	slices.SortStableFunc(r.plan.Steps, func(a, b plan.Step) int {
		return cmp.Or(strings.Compare(a.Repository, b.Repository), cmp.Compare(rank(a), rank(b)))
	})
	renumber(r)
	return r
}

func rank(s plan.Step) int {
	switch {
	case s.Tag != "" && s.Why != "attachment":
		return 0
	case s.Why == "attachment":
		return 3
	case oci.KindOf(s.MediaType) == oci.KindIndex:
		return 1
	}
	return 2
}

func renumber(r *rig) {
	for i := range r.plan.Steps {
		r.plan.Steps[i].Seq = i + 1
	}
}

// order stands at the registry's door: whoever comes to delete a manifest must
// find gone what lists it and what it is attached to, and no tag on it that
// the plan does not take.
func order(t *testing.T, r *rig) {
	t.Helper()
	takes := map[oci.Digest]map[string]bool{}
	for _, s := range r.plan.Steps {
		takes[s.Digest] = map[string]bool{}
		for _, tag := range s.Takes {
			takes[s.Digest][tag] = true
		}
	}
	r.registry.Before(func(c call.Call) {
		if c.Op != call.DeleteManifest {
			return
		}
		repo, digest := r.registry.World().Repositories[c.Repository], oci.Digest(c.Reference)
		for _, m := range repo.Manifests {
			for _, child := range m.Children {
				if child.Digest == digest {
					t.Errorf("%s is deleted while %s lists it", digest.Short(), m.Digest.Short())
				}
			}
		}
		if m := repo.Manifests[digest]; m != nil && m.Subject != "" && repo.Manifests[m.Subject] != nil {
			t.Errorf("%s is deleted while its subject is there", digest.Short())
		}
		for tag, at := range repo.Tags {
			if subject, _, is := oci.ParseAttachmentTag(tag); is && at == digest && repo.Manifests[subject] != nil {
				t.Errorf("%s is deleted while its subject is there", tag)
			}
			if at == digest && !takes[digest][tag] {
				t.Errorf("%s is deleted with tag %s on it", digest.Short(), tag)
			}
		}
	})
}

// Many at once end where one after the other ends, and in the order of the
// laws.
func TestSideBySide(t *testing.T) {
	for name, options := range vendors {
		t.Run(name, func(t *testing.T) {
			for _, concurrency := range []int{1, 3, 64} {
				r := crowded(t, options, concurrency)
				order(t, r)
				result := r.apply(t)
				if !options.Cascade {
					allDone(t, result)
				}
				if result.Damaged || len(result.Outcomes) != len(r.plan.Steps) {
					t.Errorf("%d at once: %d outcomes for %d steps, %+v", concurrency, len(result.Outcomes), len(r.plan.Steps), result.Verifications)
				}
				r.check(t, fmt.Sprint(concurrency, " at once"), false)
			}
		})
	}
}

// Indexes among each other, and attachments, come in the order of the laws
// whatever the plan's order is.
func TestSideBySideInAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		r := crowded(t, memory.Options{}, 16)
		random := rand.New(rand.NewPCG(seed, 0))
		for i, s := range r.plan.Steps {
			from := slices.IndexFunc(r.plan.Steps, func(o plan.Step) bool { return o.Repository == s.Repository && rank(o) == rank(s) })
			j := from + random.IntN(i-from+1)
			if rank(s) == 1 || rank(s) == 3 {
				r.plan.Steps[i], r.plan.Steps[j] = r.plan.Steps[j], r.plan.Steps[i]
			}
		}
		renumber(r)
		order(t, r)
		allDone(t, r.apply(t))
		r.check(t, "after", false)
	}
}

// One at a time is one at a time, and in the order of the plan.
func TestOneAfterTheOther(t *testing.T) {
	r := crowded(t, memory.Options{}, 1)
	var under atomic.Int32
	var order []string
	r.registry.Before(func(c call.Call) {
		if c.Op == call.Tags {
			return // which hands tags on while it is read: its pages are the throttle's matter
		}
		if under.Add(1) > 1 {
			t.Errorf("%s %s comes while another request is under way", c.Op, c.Reference)
		}
		if c.Op == call.Untag || c.Op == call.DeleteManifest {
			order = append(order, c.Repository+" "+c.Reference)
		}
	})
	r.registry.After(func(c call.Call) {
		if c.Op != call.Tags {
			under.Add(-1)
		}
	})
	// Requests that fail do not come to After.
	inner := r.registry.Reader()
	req := r.request()
	req.Registries = map[string]apply.Registry{r.info.Name: r.given(&settling{inner, &under}, r.registry.Mutator())}
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	var want []string
	for _, s := range r.plan.Steps {
		at := s.Repository + " " + s.Tag
		if s.Action == plan.DeleteManifest {
			at = s.Repository + " " + string(s.Digest)
		}
		want = append(want, at)
	}
	if strings.Join(order, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
	}
}

// settling ends requests that were not found.
type settling struct {
	registry.Reader
	under *atomic.Int32
}

func (s *settling) Unwrap() registry.Reader { return s.Reader }

func (s *settling) Head(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
	before := s.under.Load()
	d, err := s.Reader.Head(ctx, repository, reference)
	s.under.Store(before)
	return d, err
}

// Faults at random places while steps are carried out side by side: nothing
// kept is touched, no effect without an intent, and a resume ends where an
// undisturbed run ends.
func TestFaultsSideBySide(t *testing.T) {
	for name, options := range vendors {
		calm := crowded(t, options, 16)
		calm.registry.Forget()
		calm.apply(t)
		counts, end := calm.registry.Counts(), calm.registry.State()
		for seed := range uint64(40) {
			random := rand.New(rand.NewPCG(seed, 7))
			ops := []call.Op{call.Untag, call.DeleteManifest, call.DeleteManifest, call.Head, call.Manifest, call.Tags}
			f := fault.Fault{Op: ops[random.IntN(len(ops))], After: 2}
			if counts[f.Op] == 0 {
				continue
			}
			f.Nth = 1 + random.IntN(counts[f.Op])
			kinds := fault.WriteKinds
			if f.Op != call.Untag && f.Op != call.DeleteManifest {
				kinds = []fault.Kind{fault.Refuse, fault.CrashBefore, fault.CrashAfter}
			}
			f.Kind = kinds[random.IntN(len(kinds))]
			if f.Kind == fault.Refuse || f.Kind == fault.LoseAnswer {
				f.Err = []error{registry.ErrUnavailable, registry.ErrDenied, registry.ErrThrottled, registry.ErrLocked}[random.IntN(4)]
			}
			t.Run(fmt.Sprintf("%s/%d %v", name, seed, f), func(t *testing.T) {
				r := crowded(t, options, 16)
				if f.Kind != fault.Delay { // what happens late may find its step ended: its target went with another
					witness(t, r)
				}
				req := r.request()
				r.faulty(&req, f)
				_, err := applytest.Run(t.Context(), req)
				if err != nil && f.Kind != fault.CrashBefore && f.Kind != fault.CrashAfter {
					t.Errorf("error: %v", err)
				}
				r.check(t, "stopped", true)
				settle(t, r)
				r.check(t, "resumed", false)
				sameEnd(t, r, end)
			})
		}
	}
}

// The same for every write of the state.
func TestFaultsOfTheStateSideBySide(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 8))
		failure := applytest.Failure{
			Write: applytest.Writes[random.IntN(len(applytest.Writes))], Way: applytest.Ways[random.IntN(len(applytest.Ways))], Nth: 1 + random.IntN(60),
		}
		t.Run(fmt.Sprintf("%v", failure), func(t *testing.T) {
			r := crowded(t, memory.Options{}, 16)
			r.state = applytest.NewState(failure)
			witness(t, r)
			_, err := applytest.Run(t.Context(), r.request())
			if r.state.Hit() != (err != nil) {
				t.Errorf("hit: %v, error: %v", r.state.Hit(), err)
			}
			r.check(t, "stopped", true)
			settle(t, r)
			r.check(t, "resumed", false)
		})
	}
}

// Ctrl-C in the middle of many: what has an intent is finished and written
// down, nothing else is begun.
func TestInterruptSideBySide(t *testing.T) {
	for at := 1; at < 400; at += 9 {
		r := crowded(t, memory.Options{}, 16)
		r.registry.Forget()
		ctx, cancel := context.WithCancel(t.Context())
		var calls, late atomic.Int32
		r.registry.Before(func(c call.Call) {
			if calls.Add(1) == int32(at) {
				cancel()
			}
			if ctx.Err() != nil && c.Op == call.DeleteManifest {
				late.Add(1)
			}
		})
		result, err := applytest.Run(ctx, r.request())
		cancel()
		r.registry.Before(nil)
		if err != nil || result.Damaged {
			t.Fatalf("request %d: %v, %+v", at, err, result)
		}
		if late.Load() > 2*int32(r.concurrency) {
			t.Errorf("request %d: %d deletions after the stop", at, late.Load())
		}
		for _, o := range result.Outcomes {
			if !o.Status.Succeeded() {
				t.Errorf("request %d: step %d is %s (%s)", at, o.Seq, o.Status, o.Error)
			}
		}
		for _, run := range r.state.Runs() {
			if open := journal.Replay(r.state.Entries(run.ID)).Open; len(open) > 0 {
				t.Errorf("request %d: nobody knows about %v", at, open)
			}
		}
		r.check(t, "interrupted", true)
		settle(t, r)
		r.check(t, "resumed", false)
	}
}
