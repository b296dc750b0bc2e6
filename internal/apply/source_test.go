package apply_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

var errFile = errors.New("the plan file of the test has gone")

// tearing is a plan that can be read a number of repositories far in all, over
// every time that it is read.
type tearing struct {
	applytest.InMemory
	left *int
}

func (p tearing) Repositories() iter.Seq2[*plan.Repository, error] {
	return func(yield func(*plan.Repository, error) bool) {
		for repo, err := range p.InMemory.Repositories() {
			if *p.left--; *p.left < 0 {
				yield(nil, errFile)
				return
			}
			if !yield(repo, err) {
				return
			}
		}
	}
}

// A plan is read three times, a repository at a time: wherever it cannot be
// read on, what was not read is not done, and the run says so and can go on.
func TestAPlanThatCannotBeReadOn(t *testing.T) {
	for left, want := range []struct {
		status journal.RunStatus
		says   string
	}{
		{"", "plan-1"}, {"", "plan-1"}, // while it is checked: nothing is begun
		{journal.Aborted, "nothing more is begun"}, {journal.Aborted, "nothing more is begun"},
		{journal.Aborted, "what stays was not looked at"}, {journal.Aborted, "what stays was not looked at"},
		{journal.Completed, ""},
	} {
		r := crowded(t, memory.Options{}, 16)
		r.registry.Forget()
		req := r.request()
		req.Plan = tearing{applytest.InMemory{Plan: r.plan}, &left}
		_, err := applytest.Run(t.Context(), req)
		if errors.Is(err, errFile) != (want.says != "") || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%d repositories: %v", left, err)
		}
		if want.status == "" {
			if !errors.Is(err, apply.ErrPlan) || len(r.registry.Calls()) > 0 || len(r.state.Runs()) > 0 {
				t.Errorf("%v, %d requests, %d runs", err, len(r.registry.Calls()), len(r.state.Runs()))
			}
			continue
		}
		for _, run := range r.state.Runs() {
			if run.Status != want.status {
				t.Errorf("the run is %s, want %s", run.Status, want.status)
			}
		}
		r.check(t, "torn", true)
		settle(t, r)
		r.check(t, "resumed", false)
	}
}

// A repository that comes twice would be worked on twice at once.
func TestARepositoryComesOnce(t *testing.T) {
	w := world.New(world.DefaultNow)
	remove := applytest.Remove{}
	for _, name := range []string{"a", "b"} {
		for _, tag := range []string{"v1", "v2"} {
			w.Repository(name).Tag(tag, w.Repository(name).Image(world.Image{}))
		}
		remove[name] = []string{"v1", "v2"}
	}
	r := newRig(t, w, remove, memory.Options{})
	r.plan.Steps[1], r.plan.Steps[2] = r.plan.Steps[2], r.plan.Steps[1]
	renumber(r)
	if _, err := applytest.Run(t.Context(), r.request()); !errors.Is(err, apply.ErrPlan) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("%v", err)
	}
}
