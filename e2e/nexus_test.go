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

// The request on every dialect: older than 30 days, keep 5. Exactly the right
// components go, everything else still pulls, and nothing that was looked at
// looks used afterwards.
func TestTheRequestOnNexusLeavesNoTrace(t *testing.T) {
	for _, dialect := range nexustest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			now := time.Now()
			days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
			nexus := nexustest.New(nexustest.Options{Dialect: dialect, ContextPath: "/nx"})
			base, stop, err := nexus.Start("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			const repo, app = "docker-hosted", "team/app"
			for i := range 10 { // v0 is 10 days old, v9 100
				nexus.Push(repo, app, fmt.Sprintf("v%d", i), nexustest.Image{}, days(10*i+10))
			}
			platforms := []nexustest.Image{{Platform: oci.Platform{OS: "linux", Architecture: "amd64"}}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}
			nexus.PushIndex(repo, app, "multi", platforms, days(200))
			nexus.Retag(repo, app, "v9", "v9-also", days(100))
			nexus.Retag(repo, app, "v8", "stable", days(5)) // shares the digest of one that goes
			nexus.Sign(repo, app, nexus.Tags(repo, app)["v1"], days(20))
			nexus.Push(repo, app, "latest", nexustest.Image{}, days(300))
			for i := range 3 {
				nexus.PushIndex(repo, "team/small", fmt.Sprintf("s%d", i), platforms, days(100+i))
			}
			tags, downloads := nexus.Tags(repo, app), nexus.LastDownloads(repo)

			k := newKeeper(t)
			t.Setenv("REGKEEP_USERNAME", "admin")
			t.Setenv("REGKEEP_PASSWORD", "admin123")
			file := filepath.Join(t.TempDir(), "plan.jsonl")
			out, problems, code := k.run("plan", base, "--older-than", "30d", "--keep", "5", "--output", file)
			if code != 0 {
				t.Fatalf("plan: exit %d: %s%s", code, out, problems)
			}
			if n := nexus.Count(nexustest.ClassRegistry); n != 0 {
				t.Errorf("planning sent %d requests below /v2", n)
			}
			out, problems, code = k.run("apply", file, "--yes")
			if code != 0 {
				t.Fatalf("apply: exit %d: %s%s", code, out, problems)
			}
			// v0 to v3 and the image of stable (v8) are the newest five.
			want := []string{"latest", "stable", "v0", "v1", "v2", "v3", "v8"}
			got := slices.DeleteFunc(slices.Sorted(maps.Keys(nexus.Tags(repo, app))), func(tag string) bool { return strings.HasPrefix(tag, "sha256-") })
			if !slices.Equal(got, want) {
				t.Errorf("%s has %v, want %v", app, got, want)
			}
			for _, request := range nexus.Requests() {
				if request.Class == nexustest.ClassRegistry {
					t.Errorf("a request below /v2: %s %s", request.Method, request.Path)
				}
			}
			for path, at := range nexus.LastDownloads(repo) {
				if !at.Equal(downloads[path]) {
					t.Errorf("%s looks used at %s", path, at)
				}
			}
			for _, tag := range want {
				if err := nexus.Whole(repo, app, tag); err != nil {
					t.Errorf("%s does not pull: %v", tag, err)
				}
			}
			if signature := oci.FallbackTag(tags["v1"]) + ".sig"; nexus.Tags(repo, app)[signature] == "" {
				t.Error("the signature of what stays is gone")
			}

			run := lines(t, must(t, k, "runs", "--format", "json"))[0].ID
			out, problems, code = k.run("undo", run, "--yes")
			if code != 0 {
				t.Fatalf("undo: exit %d: %s%s", code, out, problems)
			}
			for tag, digest := range tags {
				if now := nexus.Tags(repo, app)[tag]; now != digest {
					t.Errorf("after the undo %s is %q, want %s", tag, now, digest)
				}
			}
		})
	}
}

func must(t *testing.T, k keeper, args ...string) string {
	t.Helper()
	out, problems, code := k.run(args...)
	if code != 0 {
		t.Fatalf("%v: exit %d: %s%s", args, code, out, problems)
	}
	return out
}
