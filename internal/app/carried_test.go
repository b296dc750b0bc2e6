package app

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// storedPlan is a plan of n images that go, and counts how often its text is
// opened. An error that is set stands for a text that cannot be read any more.
func storedPlan(t *testing.T, n int, can registry.Capabilities) (p *plan.Stored, opened *atomic.Int32, broken *error) {
	t.Helper()
	repo, report := ofImages(n)
	opened, broken = new(atomic.Int32), new(error)
	var text bytes.Buffer
	header := plan.Header{Type: "plan", Version: plan.Version, Kind: "remove", Registries: []registry.Info{{Name: "r.example.com", Capabilities: can}}}
	builder := plan.NewBuilder(header, plan.Options{}, plan.Stream(&text, &plan.Held{}))
	if err := builder.Add(repo, report, policy.DefaultSettings()); err != nil {
		t.Fatal(err)
	}
	if _, err := builder.Finish(0, 0); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Open(func() (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(bytes.NewReader(text.Bytes())), *broken
	})
	if err != nil {
		t.Fatal(err)
	}
	opened.Store(0)
	return p, opened, broken
}

func repositoriesOf(t *testing.T, c carried) []*plan.Repository {
	t.Helper()
	var all []*plan.Repository
	for repo, err := range c.Repositories() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, repo)
	}
	return all
}

// A small plan is read once, however often apply asks for its steps; a large one
// each time.
func TestTheStepsOfASmallPlanAreReadOnce(t *testing.T) {
	for n, reads := range map[int]int32{1: 1, mostCarried: 1, mostCarried + 1: 3} {
		p, opened, _ := storedPlan(t, n, registry.Capabilities{})
		want := slices.Collect(func(yield func(*plan.Repository) bool) {
			for repo, err := range p.Steps() {
				if err != nil {
					t.Fatal(err)
				}
				if !yield(repo) {
					return
				}
			}
		})
		opened.Store(0)
		c := carry(p)
		for range 3 {
			got := repositoriesOf(t, c)
			if len(got) != 1 || len(got[0].Steps) != n || !reflect.DeepEqual(got, want) {
				t.Fatalf("%d steps: others came", n)
			}
			slices.Reverse(got[0].Steps) // they are whose they were given to
			got[0].Steps[0].Tag = "other"
		}
		if opened.Load() != reads {
			t.Errorf("%d steps: read %d times, want %d", n, opened.Load(), reads)
		}
	}
}

// Where tags are deleted as components, the verdicts come too.
func TestAPlanOfComponentsHasVerdicts(t *testing.T) {
	p, _, _ := storedPlan(t, 3, registry.Capabilities{ComponentDelete: registry.SupportYes})
	if got := repositoriesOf(t, carry(p)); len(got) != 1 || len(got[0].Verdicts) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestASmallPlanThatCannotBeReadIsAnError(t *testing.T) {
	p, _, broken := storedPlan(t, 3, registry.Capabilities{})
	*broken = errors.New("gone")
	c := carry(p)
	for range 2 {
		var failures []error
		for _, err := range c.Repositories() {
			failures = append(failures, err)
		}
		if len(failures) != 1 || !errors.Is(failures[0], *broken) {
			t.Errorf("%v", failures)
		}
	}
}
