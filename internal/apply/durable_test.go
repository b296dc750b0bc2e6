package apply_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/store"
)

// A real registry, a real state file, and as many steps at once as there may
// be: whenever a deletion arrives, whoever opens the file finds its intent and
// the manifest, though the writes of many steps share their transactions.
func TestIntentsAreInTheFileBeforeTheEffect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	state, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	other, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w := world.New(world.DefaultNow)
	app := w.Repository("app")
	kept := app.Image(world.Image{})
	app.Tag("kept", kept)
	remove := applytest.Remove{}
	for i := range 40 {
		app.Tag(fmt.Sprintf("old-%d", i), app.Image(world.Image{}))
		app.Tag(fmt.Sprintf("alias-%d", i), kept)
		remove["app"] = append(remove["app"], fmt.Sprintf("old-%d", i), fmt.Sprintf("alias-%d", i))
	}
	seqOf := map[string]int{}
	deletions := make(chan string, 200)
	host := live.Distribution(t, server.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if reference := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]; r.Method == http.MethodDelete && seqOf[reference] > 0 {
				deletions <- reference
				if problem := unwritten(r, other, seqOf[reference]); problem != "" {
					t.Errorf("%s is deleted %s", reference, problem)
				}
			}
			next.ServeHTTP(rw, r)
		})
	}}).Host
	if err := w.Push(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	info, given, err := connect(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := applytest.Plan(w, info, remove, w.Now)
	for _, s := range p.Steps {
		seqOf[string(s.Digest)] = s.Seq
		if s.Tag != "" {
			delete(seqOf, string(s.Digest))
			seqOf[s.Tag] = s.Seq
		}
	}
	result, err := applytest.Run(t.Context(), apply.Request{
		Plan: applytest.InMemory{Plan: p}, Journal: state, Locks: state, Memory: state, Archive: archive.Stack{state}, Contents: state,
		Now: (&clock{now: w.Now}).Now, Registries: map[string]apply.Registry{host: given},
	})
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	if len(deletions) != 80 {
		t.Errorf("%d deletions for 80 steps", len(deletions))
	}
}

func unwritten(r *http.Request, state *store.Store, seq int) string {
	runs, err := state.Runs(r.Context())
	if err != nil || len(runs) != 1 {
		return fmt.Sprintf("in %d runs: %v", len(runs), err)
	}
	seen, err := state.Between(r.Context(), runs[0].ID, seq, seq)
	if _, open := seen.Open[seq]; err != nil || !open {
		return fmt.Sprintf("without an intent: %v", err)
	}
	entries, err := state.Entries(r.Context(), runs[0].ID, seq, seq)
	if err != nil {
		return err.Error()
	}
	for _, entry := range entries {
		if entry.Seq == seq && entry.Manifest.Digest == oci.FromBytes(entry.Manifest.Body) {
			return ""
		}
	}
	return "without an archived manifest"
}
