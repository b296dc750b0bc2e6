package e2e_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// On Nexus undo is byte for byte: before garbage collection from the manifests
// that are still there, after it from the archive that was asked for, also
// where the state was lost. Without an archive it then says what is missing.
func TestUndoOnNexusAfterItsGarbageCollection(t *testing.T) {
	dialects := nexustest.Dialects()
	for _, dialect := range dialects {
		for _, archived := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s archived=%v", dialect, archived), func(t *testing.T) {
				now := time.Now()
				days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
				nexus := nexustest.New(nexustest.Options{Dialect: dialect})
				base, stop, err := nexus.Start("127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				const repo, app = "docker-hosted", "team/app"
				for i := range 4 { // v0 is 10 days old, v3 130
					nexus.Push(repo, app, fmt.Sprintf("v%d", i), nexustest.Image{}, days(40*i+10))
				}
				platforms := []nexustest.Image{{Platform: oci.Platform{OS: "linux", Architecture: "amd64"}}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}
				nexus.PushIndex(repo, app, "multi", platforms, days(200))
				nexus.Retag(repo, app, "multi", "multi-also", days(190))
				nexus.Sign(repo, app, nexus.Tags(repo, app)["v3"], days(120))
				tags := nexus.Tags(repo, app)
				gc := nexus.AddTask(nexustest.Task{Type: "repository.docker.gc", Name: "gc", Properties: map[string]string{"repositoryName": repo, "deployOffset": "0"}})

				k := newKeeper(t)
				t.Setenv("REGKEEP_USERNAME", "admin")
				t.Setenv("REGKEEP_PASSWORD", "admin123")
				kept := "oci:" + filepath.Join(t.TempDir(), "kept")
				args := []string{"run", base, "--older-than", "30d", "--keep", "1", "--yes"}
				if archived {
					args = append(args, "--archive", kept)
				}
				file := filepath.Join(t.TempDir(), "plan.jsonl")
				args[0] = "plan"
				plan := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--yes" })
				must(t, k, append(plan, "--output", file)...)
				must(t, k, "apply", file, "--yes")
				if got := nexus.Tags(repo, app); len(got) != 1 || got["v0"] == "" {
					t.Fatalf("what is left: %v", slices.Sorted(maps.Keys(got)))
				}
				run := lines(t, must(t, k, "runs", "--format", "json"))[0].ID

				if archived || dialect != dialects[len(dialects)-1] {
					nexus.RunTask(gc)
				} else { // regkeep's own reclaim is remembered; it waits, so once is enough
					nexus.AddTask(nexustest.Task{Type: "blobstore.compact", Name: "compact default", Properties: map[string]string{"blobstoreName": "default"}})
					must(t, k, "reclaim", base, "--yes")
					if out := must(t, k, "runs", run, "--format", "json"); !strings.Contains(out, `"undo":{"none":`) || strings.Contains(out, "until-gc") {
						t.Errorf("after reclaim: %s", out)
					}
				}
				if nexus.HasManifest(repo, app, string(tags["multi"])) {
					t.Fatal("nothing was collected")
				}
				if !archived {
					if out, problems, code := k.run("undo", run, "--yes"); code != 4 {
						t.Errorf("undo without an archive: exit %d: %s%s", code, out, problems)
					}
					if got := nexus.Tags(repo, app); len(got) != 1 {
						t.Errorf("something came back: %v", got)
					}
					return
				}
				lost := newKeeper(t) // another state
				must(t, lost, "undo", "--archive", kept, run, "--yes", "--only", base+"/"+repo+"/"+app+":multi")
				must(t, k, "undo", run, "--yes", "--verify", "blobs")
				for tag, digest := range tags {
					if got := nexus.Tags(repo, app)[tag]; got != digest {
						t.Errorf("after the undo %s is %q, want %s", tag, got, digest)
					}
					if err := nexus.Whole(repo, app, tag); err != nil {
						t.Errorf("%s does not pull: %v", tag, err)
					}
				}
			})
		}
	}
}
