package apply_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// lifetimes is how many random lives a test leads: REGKEEP_LIFETIMES, or a few.
func lifetimes(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("REGKEEP_LIFETIMES"), 10, 32)
	if err != nil {
		return 80
	}
	t.Logf("%d lifetimes", n)
	return n
}

// life is a registry, an archive and a state through crashes: each process
// meets at most one thing that goes wrong, and the next one finds what was
// written.
type life struct {
	*rig
	random  *rand.Rand
	open    func() archive.Archive // as the next process opens it
	crash   func()                 // the end of the process that had it open
	target  *memory.Registry       // that an archive in a registry lies in
	options memory.Options
	crashes int
}

// Whatever goes wrong and whenever: while a run is carried out, continued and
// undone, nothing that stays is touched, nothing goes that was not archived
// whole, a last resume ends where an undisturbed run ends, and after the
// registry's garbage collection and the loss of the state the archive brings
// everything back, byte for byte.
func TestLivesWithCrashesEverywhere(t *testing.T) {
	names := slices.Sorted(maps.Keys(vendors))
	kinds := []string{"state", "oci", "tar", "repository", "quarantine"}
	crashes := 0
	for seed := range lifetimes(t) {
		kind := kinds[seed%uint64(len(kinds))]
		t.Run(fmt.Sprintf("%d %s", seed, kind), func(t *testing.T) {
			l := newLife(t, seed, kind, vendors[names[int(seed/5)%len(names)]])
			l.carryOut(t, l.plan, func(t *testing.T, what string, partial bool) { l.check(t, what, partial) })
			alone := kind != "state" && kind != "quarantine"
			if alone {
				l.everythingIsArchived(t)
				l.state = applytest.NewState(applytest.Failure{}) // lost
			}
			if kind != "state" {
				l.collectGarbage()
			}
			restore := l.planUndo(t, alone)
			l.carryOut(t, restore, func(t *testing.T, what string, partial bool) { l.checkReturned(t, what, partial) })
			crashes += l.crashes
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d times something went wrong", crashes)
}

func newLife(t *testing.T, seed uint64, kind string, options memory.Options) *life {
	w := world.FromSeed(seed, world.Options{Fallback: options.NoReferrers, Whole: true, Times: true, Images: 6, Repositories: 2})
	remove := applytest.Remove{}
	for i, name := range w.Names() {
		for j, tag := range applytest.Roots(w.Repositories[name]) {
			if (seed>>1+uint64(i+j)*7)%5 < 3 {
				remove[name] = append(remove[name], tag)
			}
		}
	}
	l := &life{rig: newRig(t, w, remove, options), options: options, random: rand.New(rand.NewPCG(seed, 41)), crash: func() {}, open: func() archive.Archive { return nil }}
	l.concurrency = []int{1, 4, 32}[seed/uint64(3)%3]
	must := func(a archive.Archive, err error) archive.Archive {
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	unlock := func(path string) func() {
		return func() { _ = os.Remove(path) }
	}
	dir := t.TempDir()
	switch kind {
	case "quarantine":
		for i := range l.plan.Steps {
			step := &l.plan.Steps[i]
			step.Quarantine, step.For = "quarantine/"+step.Repository, "14d"
		}
	case "oci":
		l.open = func() archive.Archive { a, err := archive.OpenLayout(dir); return must(a, err) }
		l.crash = unlock(filepath.Join(dir, "regkeep.lock"))
	case "tar":
		file := filepath.Join(dir, "kept.tar")
		l.open = func() archive.Archive { a, err := archive.OpenTar(file); return must(a, err) }
		l.crash = unlock(file + ".lock")
	case "repository":
		l.target = memory.Load(world.New(w.Now), memory.Options{Name: "other"})
		l.open = func() archive.Archive {
			return archive.NewRepository(registry.Info{Name: "other"}, "kept", l.target.Reader(), l.target.Mutator())
		}
	}
	return l
}

// carryOut applies a plan in as many processes as it takes, of which all but
// the last few meet something that goes wrong.
func (l *life) carryOut(t *testing.T, p *plan.Plan, check func(t *testing.T, what string, partial bool)) {
	t.Helper()
	l.state.Restart()
	mishaps := 1 + l.random.IntN(4)
	for process := range mishaps + 3 {
		l.state.Restart()
		req := l.request()
		req.Plan = applytest.InMemory{Plan: p}
		kept := l.open()
		if kept != nil {
			req.Archive, req.Place = archive.Stack{l.state, kept}, "somewhere"
		}
		for _, run := range l.state.Runs() {
			if run.PlanID == p.Header.ID {
				req.Resume = &run
			}
		}
		what := "the last process"
		if process < mishaps {
			what = l.mishap(t, &req, kept)
			l.crashes++
		}
		result, err := applytest.Run(t.Context(), req)
		if process >= mishaps && err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if result.Damaged || result.Unseen > 0 && process >= mishaps { // before, it may be that nobody could look
			t.Errorf("%s: damaged: %+v", what, result.Verifications)
		}
		if kept != nil {
			if l.random.IntN(2) == 0 {
				_ = kept.Close()
			}
			l.crash()
		}
		check(t, what, true)
		if t.Failed() {
			t.Fatalf("process %d: %s", process, what)
		}
		if process >= mishaps && len(result.Outcomes) == len(p.Steps) && onlyGone(result) {
			check(t, what, false)
			return
		}
		if process == mishaps+2 {
			t.Fatalf("not settled: %s", exceptions(result))
		}
	}
}

// mishap lets one thing go wrong at a random moment and says what.
func (l *life) mishap(t *testing.T, req *apply.Request, kept archive.Archive) string {
	kinds := fault.WriteKinds
	switch n := l.random.IntN(10); {
	case n < 3: // a write of journal, archive of manifests or memory
		f := applytest.Failure{
			Write: applytest.Writes[l.random.IntN(len(applytest.Writes))], Nth: 1 + l.random.IntN(2*len(l.plan.Steps)+2),
			Way: applytest.Ways[l.random.IntN(len(applytest.Ways))],
		}
		l.state.Fail(f)
		return fmt.Sprintf("%+v", f)
	case n < 5 && kept != nil: // the archive
		wrong := &failing{Archive: kept, left: 1 + l.random.IntN(len(l.plan.Steps)+1), after: l.random.IntN(2) == 0}
		if l.random.IntN(2) == 0 {
			wrong.died = l.state.Die
		}
		req.Archive = archive.Stack{l.state, wrong}
		return fmt.Sprintf("archive: %d more, after: %v, a crash: %v", wrong.left, wrong.after, wrong.died != nil)
	case n < 7: // a read, of the registry itself or for the archive
		f := fault.Fault{
			Op: []call.Op{call.Head, call.Manifest, call.Blob, call.Blob, call.Blob, call.Tags}[l.random.IntN(6)], Nth: 1 + l.random.IntN(20),
			Kind: []fault.Kind{fault.Refuse, fault.CrashBefore, fault.CrashAfter}[l.random.IntN(3)],
		}
		l.faulty(req, f)
		return f.String()
	}
	f := fault.Fault{
		Op: call.Writes[l.random.IntN(len(call.Writes))], Nth: 1 + l.random.IntN(len(l.plan.Steps)+1),
		Kind: kinds[l.random.IntN(len(kinds))], After: l.random.IntN(6),
	}
	l.faulty(req, f)
	return f.String()
}

// failing is an archive whose nth Keep goes wrong: not kept, or kept and
// reported as failed, and after it nothing works any more if that was the end
// of the process.
type failing struct {
	archive.Archive
	after bool
	died  func()

	mu   sync.Mutex
	left int
	dead bool
}

var errNoSpace = errors.New("no space left on the device of the test")

// count counts one Keep and says whether it is after the end, or goes wrong.
func (f *failing) count() (dead, wrong bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	return f.dead, f.left == 0
}

func (f *failing) Keep(ctx context.Context, entry archive.Entry, source archive.Source) error {
	switch dead, wrong := f.count(); {
	case dead:
		return errNoSpace
	case !wrong:
		return f.Archive.Keep(ctx, entry, source)
	}
	if f.after {
		if err := f.Archive.Keep(ctx, entry, source); err != nil {
			return err
		}
	}
	if f.died != nil {
		f.mu.Lock()
		f.dead = true
		f.mu.Unlock()
		f.died()
	}
	return errNoSpace
}
