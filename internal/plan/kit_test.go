package plan_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// bench is one registry with a rule of thumb in place of a policy: what goes
// is what gone names.
type bench struct {
	registry *memory.Registry
	reader   registry.Reader
	info     registry.Info
	settings policy.Settings
	options  plan.Options
	gone     func(repository string, root inventory.Root) bool
	untagged bool
	orphans  bool
	// mix changes what the builder is given on the way.
	mix func([]addition) []addition
}

type addition struct {
	repo   *inventory.Repository
	report policy.Report
}

func newBench(w *world.World, options memory.Options) *bench {
	r := memory.Load(w, options)
	b := &bench{registry: r, reader: r.Reader(), settings: policy.DefaultSettings(), options: plan.Options{Now: w.Now}}
	b.settings.Grace = 0
	describer, _ := registry.As[registry.Describer](b.reader)
	b.info, _ = describer.Describe(context.Background())
	return b
}

// remove lets tags go, and untagged roots by digest.
func (b *bench) remove(names ...string) *bench {
	b.gone = func(_ string, root inventory.Root) bool {
		if root.Tag == nil {
			return slices.Contains(names, string(root.Digest))
		}
		return slices.Contains(names, root.Tag.Name)
	}
	return b
}

func (b *bench) Want(*inventory.Repository) inventory.Want {
	return inventory.Want{Graph: true, Config: func(string) bool { return true }, Untagged: b.untagged, Orphans: b.orphans}
}

// report judges every root.
func (b *bench) report(repo *inventory.Repository) policy.Report {
	report := policy.Report{Repository: repo.Name}
	for _, root := range repo.Roots() {
		d := policy.Decision{Root: root, Reasons: []policy.Reason{{Code: policy.CodeNotDue}}}
		if b.gone(repo.Name, root) {
			d.Verdict, d.Reasons[0].Code = policy.Remove, policy.CodeEverything
		}
		report.Decisions = append(report.Decisions, d)
	}
	return report
}

func (b *bench) additions(t failer) ([]addition, []inventory.Gap) {
	t.Helper()
	scanner := inventory.NewScanner(b.reader, b.info, inventory.Options{Workers: 4})
	var all []addition
	for repo, err := range scanner.Scan(context.Background(), b) {
		if err != nil {
			t.Fatal(err)
		}
		report := b.report(repo)
		if repo, err = scanner.Deepen(context.Background(), repo, report.Removes()); err != nil {
			t.Fatal(err)
		}
		all = append(all, addition{repo, report})
	}
	return all, scanner.Gaps()
}

func (b *bench) build(t failer, all []addition, gaps []inventory.Gap) *plan.Plan {
	t.Helper()
	p := &plan.Plan{}
	b.buildInto(t, plan.Into(p), all, gaps)
	return p
}

func (b *bench) buildInto(t failer, out plan.Output, all []addition, gaps []inventory.Gap) *plan.Outline {
	t.Helper()
	builder := plan.NewBuilder(plan.Header{ID: "test", Now: b.options.Now, Registries: []registry.Info{b.info}}, b.options, out)
	builder.Gaps(gaps...)
	for _, a := range all {
		if err := builder.Add(a.repo, a.report, b.settings); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, builder)
}

func finish(t failer, builder *plan.Builder) *plan.Outline {
	t.Helper()
	outline, err := builder.Finish(7, 1.5)
	if err != nil {
		t.Fatal(err)
	}
	return outline
}

func (b *bench) plan(t failer) *plan.Plan {
	t.Helper()
	all, gaps := b.additions(t)
	if b.mix != nil {
		all = b.mix(all)
	}
	return b.build(t, all, gaps)
}

// lines writes steps in short, for comparison: what, which, with which tags.
func lines(p *plan.Plan, names map[oci.Digest]string) []string {
	out := []string{}
	for _, s := range p.Steps {
		name := names[s.Digest]
		if name == "" {
			name = s.Digest.Short()
		}
		line := string(s.Action) + " " + name
		if s.Tag != "" {
			line = string(s.Action) + " :" + s.Tag
		}
		if len(s.Takes) > 0 {
			line += " with " + strings.Join(s.Takes, ",")
		}
		if len(s.Siblings) > 0 {
			line += " beside " + strings.Join(s.Siblings, ",")
		}
		out = append(out, line+" ("+s.Why+")")
	}
	for _, b := range p.Blocked {
		by := slices.Clone(b.By)
		for i := range by {
			if name := names[oci.Digest(by[i])]; name != "" {
				by[i] = name
			}
		}
		out = append(out, "blocked :"+b.Tag+" "+b.Code+" by "+strings.Join(by, ","))
	}
	return out
}

func expect(t *testing.T, p *plan.Plan, names map[oci.Digest]string, want ...string) {
	t.Helper()
	if got := lines(p, names); !slices.Equal(got, want) {
		t.Errorf("planned\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		for _, n := range p.Notices {
			t.Logf("%s %s %s: %s", n.Type, n.Code, n.Scope, n.Message)
		}
	}
}

func notices(p *plan.Plan, kind string) []string {
	var codes []string
	for _, n := range p.Notices {
		if n.Type == kind && n.Code != "registry-share" { // small worlds lose much of themselves
			codes = append(codes, n.Code)
		}
	}
	return codes
}

// named gives manifests short names in expectations.
func named(pairs ...any) map[oci.Digest]string {
	names := map[oci.Digest]string{}
	for i := 0; i < len(pairs); i += 2 {
		names[pairs[i].(*world.Manifest).Digest] = pairs[i+1].(string)
	}
	return names
}

func ago(d time.Duration) string { return world.At(world.DefaultNow.Add(-d)) }

const day = 24 * time.Hour

func fresh() (*world.World, *world.Repository) {
	w := world.New(world.DefaultNow)
	return w, w.Repository("app")
}

func old(r *world.Repository, tags ...string) *world.Manifest {
	m := r.Image(world.Image{Created: ago(40 * day)})
	for _, tag := range tags {
		r.Tag(tag, m)
	}
	return m
}
