package inventory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// demand is a Demand that a test writes down.
type demand func(repo *inventory.Repository) inventory.Want

func (d demand) Want(repo *inventory.Repository) inventory.Want { return d(repo) }

func everyTag(string) bool { return true }

var (
	graph   = demand(func(*inventory.Repository) inventory.Want { return inventory.Want{Graph: true} })
	configs = demand(func(*inventory.Repository) inventory.Want { return inventory.Want{Graph: true, Config: everyTag} })
	names   = demand(func(*inventory.Repository) inventory.Want { return inventory.Want{} })
)

func describe(t testing.TB, reader registry.Reader) registry.Info {
	t.Helper()
	describer, ok := registry.As[registry.Describer](reader)
	if !ok {
		t.Fatal("the reader does not describe itself")
	}
	info, err := describer.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// scanner makes a scanner of an in-memory registry whose record of calls
// starts empty.
func scanner(t testing.TB, r *memory.Registry, opts inventory.Options) *inventory.Scanner {
	t.Helper()
	reader := r.Reader()
	s := inventory.NewScanner(reader, describe(t, reader), opts)
	r.Forget()
	return s
}

func collect(t testing.TB, s *inventory.Scanner, d inventory.Demand) []*inventory.Repository {
	t.Helper()
	var repos []*inventory.Repository
	for repo, err := range s.Scan(context.Background(), d) {
		if err != nil {
			t.Fatal(err)
		}
		repos = append(repos, repo)
	}
	return repos
}

func only(t testing.TB, s *inventory.Scanner, d inventory.Demand) *inventory.Repository {
	t.Helper()
	repos := collect(t, s, d)
	if len(repos) != 1 {
		t.Fatalf("read %d repositories, want one", len(repos))
	}
	return repos[0]
}

// want compares counted calls; methods that are not named must not be called.
func want(t testing.TB, r *memory.Registry, counts map[call.Op]int) {
	t.Helper()
	got := r.Counts()
	for op, n := range counts {
		if got[op] != n {
			t.Errorf("%s: %d calls, want %d", op, got[op], n)
		}
		delete(got, op)
	}
	for op, n := range got {
		t.Errorf("%s: %d calls, want none", op, n)
	}
	if t.Failed() {
		for _, c := range r.Calls() {
			t.Logf("%s %s %s", c.Op, c.Repository, c.Reference)
		}
	}
}

// once fails when any content was asked for twice.
func once(t testing.TB, r *memory.Registry) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range r.Calls() {
		key := fmt.Sprint(c.Op, " ", c.Repository, " ", c.Reference)
		if seen[key] {
			t.Errorf("asked twice: %s", key)
		}
		seen[key] = true
	}
}

func days(n int) string { return world.At(world.DefaultNow.Add(-time.Duration(n) * 24 * time.Hour)) }
