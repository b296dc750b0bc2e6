package apply_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/store"
)

// childPlan names the plan file of a process that applies and is killed. The
// test binary starts itself as that process.
const childPlan = "REGKEEP_TEST_APPLY_PLAN"

func TestMain(m *testing.M) {
	if file := os.Getenv(childPlan); file != "" {
		if err := child(context.Background(), file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child applies a plan with a real state file, continuing the run that is in
// it, if any.
func child(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	state, err := store.Open(filepath.Join(filepath.Dir(file), "state.db"))
	if err != nil {
		return err
	}
	defer state.Close()
	host := p.Header.Registries[0].Name
	_, given, err := connect(ctx, host)
	if err != nil {
		return err
	}
	req := apply.Request{
		Plan: applytest.InMemory{Plan: &p}, Journal: state, Locks: state, Memory: state, Archive: archive.Stack{state}, Contents: state,
		Now: (&clock{now: p.Header.Created}).Now, Registries: map[string]apply.Registry{host: given},
	}
	runs, err := state.Runs(ctx)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		req.Resume = &runs[0]
	}
	result, err := applytest.Run(ctx, req)
	if err != nil {
		return err
	}
	if text := exceptions(result); text != "" && !onlyGone(result) || result.Damaged {
		return fmt.Errorf("%s; damaged: %v", text, result.Damaged)
	}
	return nil
}

func onlyGone(result applytest.Told) bool {
	for _, o := range result.Outcomes {
		if !o.Status.Succeeded() {
			return false
		}
	}
	return true
}

// kill -9 at random requests, several times in one run, with a real state
// file and a real registry: the last resume ends where an undisturbed run
// ends, and the journal has an outcome for every step.
func TestKilledAtRandomMoments(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var trap trap
			host := live.Distribution(t, server.Options{Wrap: trap.wrap}).Host
			w := world.FromSeed(seed, world.Options{Fallback: true})
			if err := w.Push(t.Context(), host); err != nil {
				t.Fatal(err)
			}
			before, err := world.Read(t.Context(), host, w.Digests())
			if err != nil {
				t.Fatal(err)
			}
			info, _, err := connect(t.Context(), host)
			if err != nil {
				t.Fatal(err)
			}
			remove := applytest.Remove{}
			for _, name := range w.Names() {
				remove[name] = applytest.Roots(w.Repositories[name])[1:]
			}
			p, expected := applytest.Plan(w, info, remove, w.Now)
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "plan.json")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			kills := 0
			random := rand.New(rand.NewPCG(seed, 1))
			for attempt := 0; ; attempt++ {
				process := exec.CommandContext(t.Context(), os.Args[0])
				process.Env = append(os.Environ(), childPlan+"="+file)
				output := new(strings.Builder)
				process.Stderr = output
				if err := process.Start(); err != nil {
					t.Fatal(err)
				}
				if attempt < 8 {
					trap.set(process.Process, 4+random.IntN(6*len(p.Steps)+10))
				}
				err := process.Wait()
				trap.set(nil, 0)
				if err == nil {
					break
				}
				if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Exited() {
					t.Fatalf("after %d kills: %v: %s", kills, err, output)
				}
				kills++
				partial := expected
				partial.Partial = true
				check(t, host, w, before, partial)
			}
			check(t, host, w, before, expected)
			journalTells(t, filepath.Dir(file), p)
			t.Logf("%d steps, killed %d times", len(p.Steps), kills)
		})
	}
}

func check(t *testing.T, host string, w *world.World, before *world.State, expected world.Expectation) {
	t.Helper()
	after, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range world.Check(before, after, expected) {
		t.Error(problem)
	}
}

func journalTells(t *testing.T, dir string, p *plan.Plan) {
	t.Helper()
	state, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	runs, err := state.Runs(t.Context())
	if err != nil || len(runs) != 1 || runs[0].Status != journal.Completed {
		t.Fatalf("runs: %+v, %v", runs, err)
	}
	replayed, err := state.Replay(t.Context(), runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(replayed.Last) != len(p.Steps) || len(replayed.Open) > 0 {
		t.Errorf("%d outcomes for %d steps, %d open", len(replayed.Last), len(p.Steps), len(replayed.Open))
	}
	for seq, o := range replayed.Last {
		if replayed.Acted[seq] && o.Status != journal.Done {
			t.Errorf("step %d had an intent, has gone, and is called %s", seq, o.Status)
		}
	}
	entries, err := state.Entries(t.Context(), runs[0].ID, 0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[int]bool{}
	for _, entry := range entries {
		kept[entry.Seq] = true
	}
	for _, s := range p.Steps {
		if !kept[s.Seq] {
			t.Errorf("step %d went without an archive", s.Seq)
		}
	}
}

// trap kills a process at its nth request, before or after the registry has
// done the work.
type trap struct {
	mu      sync.Mutex
	process *os.Process
	left    int
}

func (k *trap) set(process *os.Process, at int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.process, k.left = process, at
}

func (k *trap) step() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return
	}
	if k.left--; k.left == 0 {
		_ = k.process.Kill()
	}
}

func (k *trap) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.step() // before
		next.ServeHTTP(w, r)
		k.step() // after
	})
}
