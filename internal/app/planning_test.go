package app

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// Two plans of one second may be of different registries, and somebody may have
// read the first.
func TestPlansOfOneSecondKeepTheirNames(t *testing.T) {
	h := newHousehold(t, func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) }, true)
	a := h.app(t)
	first, second := h.plan(t, a), h.plan(t, a)
	if first.Header.ID == second.Header.ID {
		t.Errorf("both are plan %s", first.Header.ID)
	}
	for _, made := range []*plan.Stored{first, second} {
		if again, err := a.LoadPlan(made.Header.ID); err != nil || again.Summary.Hash != made.Summary.Hash {
			t.Errorf("plan %s: another plan is kept by its name: %v", made.Header.ID, err)
		}
	}
}

// What a scan saw is on disk before there is a plan: otherwise the next scan takes
// what is old for new, and nobody was told.
func TestNoPlanWhereTheScanCannotBeRecorded(t *testing.T) {
	h := newHousehold(t, func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) }, true)
	a := h.app(t)
	h.plan(t, a) // makes the state
	before := plansOf(t, a)
	state, err := sql.Open("sqlite", h.state+"?_pragma=busy_timeout(60000)") // what was fetched may still be being written
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	if _, err := state.Exec(`CREATE TRIGGER full BEFORE UPDATE ON scans BEGIN SELECT RAISE(FAIL, 'no room'); END`); err != nil {
		t.Fatal(err)
	}
	targets, err := a.Targets([]string{h.host + "/shop/cart"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Plan(t.Context(), PlanRequest{Targets: targets, Policy: h.policy})
	if err == nil || !strings.Contains(err.Error(), "record what was seen in "+h.host+"/shop/cart") || !strings.Contains(err.Error(), "no room") {
		t.Errorf("the plan was made: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("it is told again: %v", err)
	}
	if after := plansOf(t, a); !slices.Equal(before, after) {
		t.Errorf("plans %v, and %v before", after, before)
	}
}
