package e2e_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/reference"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// An apply that is killed at random moments, again and again, ends where an
// undisturbed one does; in between nothing that stays is damaged. With an
// archive everything comes back after the registry's garbage collection and the
// loss of the state, by an undo that is killed too.
func TestKilledAnywhereAndResumed(t *testing.T) {
	for seed := range seeds(t) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 23))
			storage := server.NewStorage()
			host := live.Distribution(t, server.Options{Storage: storage}).Host
			kept := [...]string{"", "oci:" + filepath.Join(t.TempDir(), "kept"), "tar:" + filepath.Join(t.TempDir(), "kept.tar"), "elsewhere"}[seed%4]
			if kept == "elsewhere" {
				kept = live.Distribution(t, server.Options{}).Host + "/kept/" + host[len("127.0.0.1:"):]
			}
			w := world.FromSeed(seed, world.Options{Fallback: true, Images: 25, Whole: true})
			if err := w.Push(t.Context(), host); err != nil {
				t.Fatal(err)
			}
			rules := reference.Policy{OlderThan: 5 * 24 * time.Hour, Newest: 2}
			expected := reference.Expect(w, rules.Verdicts(w, w.Now), reference.Options{Now: w.Now, Grace: 24 * time.Hour, NoReferrers: true})
			before, err := world.Read(t.Context(), host, w.Digests())
			if err != nil {
				t.Fatal(err)
			}
			k := newKeeper(t)
			file := filepath.Join(t.TempDir(), "plan.jsonl")
			if out, problems, code := k.run("plan", host, "--older-than", "5d", "--keep", "2", "--now", w.Now.Format(time.RFC3339), "--output", file); code != 0 {
				t.Fatalf("plan: exit %d: %s%s", code, out, problems)
			}

			holds := func(what string, want world.Expectation) {
				t.Helper()
				after, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				for _, problem := range world.Check(before, after, want) {
					t.Errorf("%s: %s", what, problem)
				}
			}
			args := []string{"apply", file, "--yes"}
			if kept != "" {
				args = append(args, "--archive", kept)
			}
			id := ""
			for range 6 {
				if !k.killed(time.Duration(random.IntN(150))*time.Millisecond, args...) {
					break // it was faster
				}
				halfway := expected
				halfway.Partial = true
				holds("after a kill", halfway)
				if runs := lines(t, must(t, k, "runs", "--format", "json")); len(runs) > 0 {
					args = []string{"apply", "--resume", runs[0].ID, "--yes"}
				}
			}
			must(t, k, args...)
			holds("in the end", expected)
			for _, run := range lines(t, must(t, k, "runs", "--format", "json")) {
				id = run.ID // the first of them: a second one found everything gone
			}
			if kept == "" || id == "" {
				return
			}
			live.Collect(t, storage, false)
			k = newKeeper(t) // the state is lost
			args = []string{"undo", id, "--archive", kept, "--yes"}
			for range 3 {
				if !k.killed(time.Duration(random.IntN(150))*time.Millisecond, args...) {
					break
				}
			}
			must(t, k, append(args, "--verify", "blobs")...)
			holds("put back", world.Expectation{})
		})
	}
}

// killed runs the program and kills it after a time. It says whether it did.
func (k keeper) killed(after time.Duration, args ...string) bool {
	k.t.Helper()
	command := exec.CommandContext(k.t.Context(), program, append(args, "--state", k.state)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(k.state)}
	if err := command.Start(); err != nil {
		k.t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { _ = command.Process.Kill() })
	err := command.Wait()
	return !kill.Stop() || err != nil
}
