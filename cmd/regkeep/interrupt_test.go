package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/cli"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// TestInterrupted stops a run at its second deletion, in the way that Ctrl-C
// does, and continues it: exit code 130, the command to go on with, and in the
// end the same registry as without the stop.
func TestInterrupted(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	var deletes atomic.Int32
	running := live.Distribution(t, server.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.Method == http.MethodDelete && !strings.Contains(r.URL.Path, "regkeep") && deletes.Add(1) == 2 {
				interrupt()
			}
		})
	}})
	w := world.New(time.Now())
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		w.Repository("shop/cart").Tag(name, w.Repository("shop/cart").Image(world.Image{Created: world.At(w.Now.Add(-1000 * time.Hour))}))
	}
	w.Repository("shop/cart").Tag("new", w.Repository("shop/cart").Image(world.Image{Created: world.At(w.Now.Add(-time.Hour)), Layers: []oci.Digest{w.Layer()}}))
	if err := w.Push(t.Context(), running.Host); err != nil {
		t.Fatal(err)
	}
	code, out, said := command(t, t.Context(), "plan", running.Host, "--older-than", "30d", "--keep", "1", "--output", filepath.Join(t.TempDir(), "plan.json"))
	if code != 0 {
		t.Fatalf("plan: exit code %d: %s%s", code, out, said)
	}
	id := after(t, said, "regkeep apply ")

	code, out, said = command(t, ctx, "apply", id, "--yes", "--concurrency", "1")
	if code != 130 {
		t.Fatalf("exit code %d: %s%s", code, out, said)
	}
	run := after(t, out, "regkeep apply --resume ")
	left := tags(t, running.Host)
	if len(left) < 2 || left["new"] == "" {
		t.Fatalf("after the stop there are %v", left)
	}

	code, out, said = command(t, t.Context(), "runs")
	if code != 0 || !strings.Contains(out, "can be resumed") {
		t.Errorf("runs: exit code %d: %s%s", code, out, said)
	}
	code, out, said = command(t, t.Context(), "apply", "--resume", run, "--yes")
	if code != 0 || !strings.Contains(out, "Verified") {
		t.Fatalf("resume: exit code %d: %s%s", code, out, said)
	}
	if left := tags(t, running.Host); len(left) != 1 || left["new"] == "" {
		t.Errorf("in the end there are %v", left)
	}
}

// TestInterruptedPlan stops while looking: nothing is saved.
func TestInterruptedPlan(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	ctx, interrupt := context.WithCancel(t.Context())
	running := live.Distribution(t, server.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/tags/") {
				interrupt()
			}
			next.ServeHTTP(w, r)
		})
	}})
	w := world.New(time.Now())
	w.Repository("shop/cart").Tag("a", w.Repository("shop/cart").Image(world.Image{Created: "2020-01-01T00:00:00Z"}))
	if err := w.Push(t.Context(), running.Host); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	code, out, said := command(t, ctx, "plan", running.Host, "--older-than", "30d", "--output", file)
	if code != 130 || out != "" {
		t.Errorf("exit code %d: %s%s", code, out, said)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("half a plan was saved")
	}
	if kept, _ := filepath.Glob(filepath.Join(state, "regkeep", "plans", "*")); len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
}

// command runs one command in this process.
func command(t *testing.T, ctx context.Context, args ...string) (code int, out, said string) {
	t.Helper()
	open := func(name string) *os.File {
		file, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	in, stdout, stderr := open("in"), open("out"), open("err")
	code = cli.Main(ctx, args, in, stdout, stderr)
	read := func(file *os.File) string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return code, read(stdout), read(stderr)
}

// after finds the word that follows a text.
func after(t *testing.T, text, marker string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, marker)
	if !found {
		t.Fatalf("%q has no %q", text, marker)
	}
	return strings.Fields(rest)[0]
}

func tags(t *testing.T, host string) map[string]oci.Digest {
	t.Helper()
	state, err := world.Read(t.Context(), host, map[string][]oci.Digest{"shop/cart": nil})
	if err != nil {
		t.Fatal(err)
	}
	return state.Repositories["shop/cart"].Tags
}
