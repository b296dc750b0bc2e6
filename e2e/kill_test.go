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
// undisturbed one does; in between nothing that stays is damaged.
func TestKilledAnywhereAndResumed(t *testing.T) {
	for seed := range seeds(t) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 23))
			host := live.Distribution(t, server.Options{}).Host
			w := world.FromSeed(seed, world.Options{Fallback: true, Images: 25})
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

			args := []string{"apply", file, "--yes"}
			for range 6 {
				command := exec.CommandContext(t.Context(), program, append(args, "--state", k.state)...)
				command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(k.state)}
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				kill := time.AfterFunc(time.Duration(random.IntN(90))*time.Millisecond, func() { _ = command.Process.Kill() })
				err := command.Wait()
				if kill.Stop() && err == nil {
					break // it was faster
				}
				after, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				halfway := expected
				halfway.Partial = true
				for _, problem := range world.Check(before, after, halfway) {
					t.Errorf("after a kill: %s", problem)
				}
				if runs := lines(t, must(t, k, "runs", "--format", "json")); len(runs) > 0 {
					args = []string{"apply", "--resume", runs[0].ID, "--yes"}
				}
			}
			if out, problems, code := k.run(args...); code != 0 {
				t.Errorf("%v: exit %d: %s%s", args, code, out, problems)
			}
			after, err := world.Read(t.Context(), host, w.Digests())
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range world.Check(before, after, expected) {
				t.Error(problem)
			}
		})
	}
}
