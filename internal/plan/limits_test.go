package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// losing makes repositories of so many tags that lose so many, as
// "name tags removals".
func losing(t *testing.T, repos ...string) *bench {
	t.Helper()
	w := world.New(world.DefaultNow)
	for _, spec := range repos {
		var name string
		var tags, gone int
		if _, err := fmt.Sscan(spec, &name, &tags, &gone); err != nil {
			t.Fatal(err)
		}
		r := w.Repository(name)
		for i := range tags {
			prefix := "keep"
			if i < gone {
				prefix = "gone"
			}
			old(r, fmt.Sprintf("%s-%d", prefix, i))
		}
	}
	b := newBench(w, memory.Options{})
	b.gone = func(_ string, root inventory.Root) bool { return strings.HasPrefix(root.Name(), "gone") }
	return b
}

// stepsIn counts steps by repository, and says which notices of a kind came.
func stepsIn(p *plan.Plan) map[string]int {
	n := map[string]int{}
	for _, s := range p.Steps {
		n[s.Repository]++
	}
	return n
}

func codes(p *plan.Plan, kind string) []string {
	codes := []string{}
	for _, n := range p.Notices {
		if n.Type == kind {
			codes = append(codes, n.Code+" "+n.Scope)
			if kind == "refusal" && (n.Lift == "" || n.Message == "") {
				codes = append(codes, "says not enough")
			}
		}
	}
	return codes
}

func TestBreakers(t *testing.T) {
	limit := func(n int) policy.Limit { return policy.Limit{Set: true, N: n} }
	for _, test := range []struct {
		name     string
		repos    []string
		change   func(*bench)
		refusals []string
		steps    map[string]int
	}{
		{"nobody looks and little goes", []string{"a 40 4", "b 40 4"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, nil, map[string]int{"a": 4, "b": 4}},
		{"half of a repository", []string{"a 40 20", "b 60 1"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, nil, map[string]int{"a": 20, "b": 1}},
		{"more than half of a repository", []string{"a 40 21", "b 60 1"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, []string{"max-share memory/a"}, map[string]int{"b": 1}},
		{"of a small repository", []string{"a 20 19", "b 80 1"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, nil, map[string]int{"a": 19, "b": 1}},
		{"another share", []string{"a 40 5", "b 60 1"}, func(b *bench) {
			b.options.Automatic, b.settings.MaxShare = &plan.Automatic{}, 0.1
		}, []string{"max-share memory/a"}, map[string]int{"b": 1}},
		{"a third of the registry", []string{"a 10 4", "b 10 2"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, nil, map[string]int{"a": 4, "b": 2}},
		{"more than that", []string{"a 10 4", "b 10 3"}, func(b *bench) { b.options.Automatic = &plan.Automatic{} }, []string{"registry-share memory"}, map[string]int{}},
		{"more than five times the largest", []string{"a 100 26"}, func(b *bench) {
			b.options.Automatic = &plan.Automatic{Recent: []int{0, 5, 3}}
		}, []string{"growth plan"}, map[string]int{}},
		{"five times the largest", []string{"a 100 25"}, func(b *bench) {
			b.options.Automatic = &plan.Automatic{Recent: []int{0, 5, 3}}
		}, nil, map[string]int{"a": 25}},
		{"a few after runs without any", []string{"a 100 5"}, func(b *bench) {
			b.options.Automatic = &plan.Automatic{Recent: []int{0, 0}}
		}, nil, map[string]int{"a": 5}},
		{"many after runs without any", []string{"a 100 6"}, func(b *bench) {
			b.options.Automatic = &plan.Automatic{Recent: []int{0, 0}}
		}, []string{"growth plan"}, map[string]int{}},
		{"a person looks", []string{"a 40 39"}, func(*bench) {}, nil, map[string]int{"a": 39}},
		{"as many as allowed", []string{"a 40 5"}, func(b *bench) { b.options.MaxRemovals = limit(5) }, nil, map[string]int{"a": 5}},
		{"more than allowed", []string{"a 40 5", "b 40 1"}, func(b *bench) { b.options.MaxRemovals = limit(5) }, []string{"max-removals plan"}, map[string]int{}},
		{"none allowed", []string{"a 40 1"}, func(b *bench) { b.options.MaxRemovals = limit(0) }, []string{"max-removals plan"}, map[string]int{}},
		{"more than the policy allows", []string{"a 40 5", "b 40 1"}, func(b *bench) { b.settings.MaxRemovals = limit(4) }, []string{"max-removals memory/a"}, map[string]int{"b": 1}},
		{"what is refused does not count", []string{"a 40 5", "b 40 4"}, func(b *bench) {
			b.settings.MaxRemovals, b.options.MaxRemovals = limit(4), limit(4)
		}, []string{"max-removals memory/a"}, map[string]int{"b": 4}},
		{"the policy refuses", []string{"a 40 1", "b 40 1"}, func(b *bench) {
			b.mix = func(all []addition) []addition {
				all[0].report.Refusals = []policy.Warning{{Code: "evidence", Scope: "a", Message: "the cluster did not answer", Lift: "in_use"}}
				return all
			}
		}, []string{"evidence memory/a"}, map[string]int{"b": 1}},
		{"a strict reader of warnings", []string{"a 40 1", "b 40 1"}, func(b *bench) {
			b.options.Strict = true
			b.mix = func(all []addition) []addition {
				all[1].report.Warnings = []policy.Warning{{Code: "pattern", Scope: "policies[0].protect[1]", Message: "matches nothing"}}
				return all
			}
		}, []string{"pattern memory/b"}, map[string]int{"a": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := losing(t, test.repos...)
			test.change(b)
			p := b.plan(t)
			if got := codes(p, "refusal"); !slices.Equal(got, test.refusals) {
				t.Errorf("refusals %q, want %q", got, test.refusals)
			}
			got := stepsIn(p)
			for name := range got {
				if got[name] != test.steps[name] {
					t.Errorf("%d steps in %s, want %d", got[name], name, test.steps[name])
				}
			}
			if len(got) != len(test.steps) {
				t.Errorf("steps %v, want %v", got, test.steps)
			}
			for i, s := range p.Steps {
				if s.Seq != i+1 {
					t.Errorf("step %d has place %d", s.Seq, i+1)
				}
			}
			if len(test.steps) == 0 && p.Summary.BytesFreed != 0 {
				t.Errorf("nothing goes and %d bytes become free", p.Summary.BytesFreed)
			}
		})
	}
}

// A plan that a person reads shows the same as warnings.
func TestWhoLooksIsWarned(t *testing.T) {
	p := losing(t, "a 40 39", "b 40 1").plan(t)
	if got, want := codes(p, "warning"), []string{"registry-share memory", "max-share memory/a"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

func TestWarningsOfTheWholePolicy(t *testing.T) {
	warning := policy.Warning{Code: "shadowed", Scope: "policies[0].rules[1]", Message: "an earlier rule takes everything"}
	for _, strict := range []bool{false, true} {
		b := losing(t, "a 40 1")
		b.options.Strict = strict
		all, _ := b.additions(t)
		p := &plan.Plan{}
		builder := plan.NewBuilder(plan.Header{}, b.options, plan.Into(p))
		for _, a := range all {
			if err := builder.Add(a.repo, a.report, b.settings); err != nil {
				t.Fatal(err)
			}
		}
		builder.Warn(warning)
		finish(t, builder)
		kind := map[bool]string{false: "warning", true: "refusal"}[strict]
		if got := codes(p, kind); len(got) != 1 || got[0] != "shadowed policies[0].rules[1]" || (len(p.Steps) == 0) != strict {
			t.Errorf("strict %v: %q, %d steps", strict, got, len(p.Steps))
		}
	}
}
