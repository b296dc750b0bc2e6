package plan_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

func opener(text []byte) plan.Opener {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
}

// crowd is several registries with additions, some of which a breaker, a gap
// or a refusal stops.
type crowd struct {
	header  plan.Header
	options plan.Options
	all     []addition
	bench   *bench
	gaps    []inventory.Gap
}

func drawCrowd(t *rapid.T) crowd {
	c := crowd{}
	for _, name := range []string{"two", "one"} {
		d := draw(t)
		d.options.Name = name
		b := d.bench()
		all, _ := b.additions(t)
		for i := range all {
			switch rapid.SampledFrom([]string{"", "", "refused", "gap"}).Draw(t, "what happens to "+all[i].repo.Name) {
			case "refused":
				all[i].report.Refusals = []policy.Warning{{Code: "evidence", Message: "nobody answered"}}
			case "gap":
				repo := *all[i].repo
				repo.Gaps = []inventory.Gap{{Code: "manifest", Message: "cut off"}}
				all[i].repo = &repo
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "catalog of "+name) == 0 {
			c.gaps = append(c.gaps, inventory.Gap{Code: "catalog", Registry: name, Message: "cut off"})
		}
		c.header.Registries = append(c.header.Registries, b.info)
		c.all, c.bench = append(c.all, all...), b
	}
	c.options = plan.Options{Now: c.bench.options.Now, Strict: rapid.Bool().Draw(t, "strict")}
	if rapid.Bool().Draw(t, "automatic") {
		c.options.Automatic = &plan.Automatic{RegistryShare: rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "share")}
	}
	if rapid.Bool().Draw(t, "limited") {
		c.options.MaxRemovals = policy.Limit{Set: true, N: rapid.IntRange(0, 10).Draw(t, "limit")}
	}
	return c
}

func (c crowd) build(t failer, out plan.Output) *plan.Outline {
	builder := plan.NewBuilder(c.header, c.options, out)
	builder.Gaps(c.gaps...)
	for _, a := range c.all {
		if err := builder.Add(a.repo, a.report, c.bench.settings); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, builder)
}

// What is written while the plan is made is, byte for byte, what the plan in
// memory is written as; read back it has the same outline and the same lines.
func TestAStreamedPlanIsThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCrowd(t)
		whole := &plan.Plan{}
		c.build(t, plan.Into(whole))
		var text bytes.Buffer
		made := c.build(t, plan.Stream(&text, &plan.Held{})).Stored(opener(nil))
		if want := encoded(t, whole); !bytes.Equal(text.Bytes(), want) {
			t.Fatalf("streamed\n%s\nwant\n%s", text.Bytes(), want)
		}
		stored, err := plan.Open(opener(text.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		sections := func(s *plan.Stored) (all []plan.Section) {
			for _, at := range s.Sections() {
				if at.Keep+at.Remove+at.Hold+at.Steps+at.Blocked > 0 {
					all = append(all, *at)
				}
			}
			slices.SortFunc(all, func(a, b plan.Section) int {
				return strings.Compare(a.Registry+"\x00"+a.Repository, b.Registry+"\x00"+b.Repository)
			})
			return all
		}
		if diff := cmp.Diff(sections(made), sections(stored), cmp.AllowUnexported(plan.Section{})); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(made.Notices, stored.Notices); diff != "" || made.Summary != stored.Summary || made.Header.ID != stored.Header.ID {
			t.Fatalf("summaries %+v and %+v, notices %s", made.Summary, stored.Summary, diff)
		}
		back := &plan.Plan{Header: stored.Header, Notices: stored.Notices, Summary: stored.Summary}
		for repo, err := range stored.Repositories() {
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range repo.Steps {
				if step.Registry != repo.Registry || step.Repository != repo.Repository {
					t.Fatalf("a step of %s/%s in %s/%s", step.Registry, step.Repository, repo.Registry, repo.Repository)
				}
			}
			back.Verdicts, back.Steps, back.Blocked = append(back.Verdicts, repo.Verdicts...), append(back.Steps, repo.Steps...), append(back.Blocked, repo.Blocked...)
		}
		if !bytes.Equal(encoded(t, back), text.Bytes()) {
			t.Fatal("the repositories together are another plan")
		}
		var steps []plan.Step
		for repo, err := range stored.Steps() {
			if err != nil || len(repo.Verdicts)+len(repo.Blocked) > 0 {
				t.Fatal(err, repo)
			}
			steps = append(steps, repo.Steps...)
		}
		if diff := cmp.Diff(back.Steps, steps); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Steps are numbered without holes, and none is in a repository that was
// refused or held.
func TestWhatIsStoppedLeavesNoSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCrowd(t)
		p := &plan.Plan{}
		c.build(t, plan.Into(p))
		stopped := map[string]bool{}
		for _, n := range p.Notices {
			if n.Type == "refusal" || n.Type == "gap" {
				stopped[n.Scope] = true
			}
		}
		for i, step := range p.Steps {
			if step.Seq != i+1 {
				t.Fatalf("step %d stands at place %d", step.Seq, i+1)
			}
			for _, scope := range []string{"plan", step.Registry, step.Registry + "/" + step.Repository} {
				if stopped[scope] {
					t.Fatalf("%s is stopped and has step %+v", scope, step)
				}
			}
		}
		for _, v := range p.Verdicts {
			held := slices.ContainsFunc(c.gaps, func(gap inventory.Gap) bool { return gap.Registry == v.Registry })
			if held && v.Verdict == "remove" {
				t.Fatalf("the registry has a gap and %s:%s goes", v.Repository, v.Tag)
			}
		}
	})
}

func TestASelectionIsAPlan(t *testing.T) {
	p := sample(t)
	stored, err := plan.Open(opener(write(t, p, plan.All)))
	if err != nil {
		t.Fatal(err)
	}
	for _, which := range []plan.Selection{plan.All, plan.RemoveOnly} {
		var out bytes.Buffer
		if err := stored.Copy(&out, which); err != nil {
			t.Fatal(err)
		}
		if want := write(t, p, which); !bytes.Equal(out.Bytes(), want) {
			t.Errorf("copied\n%s\nwant\n%s", out.Bytes(), want)
		}
	}
}

// A copy has a summary, and so is a plan, only where the text is what its hash
// says.
func TestADamagedPlanIsNotCopied(t *testing.T) {
	text := write(t, sample(t), plan.All)
	now := text
	stored, err := plan.Open(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(now)), nil })
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndex(text, []byte(`{"type":"summary"`))
	for name, test := range map[string]struct {
		text []byte
		want error
	}{
		"a changed tag":   {bytes.Replace(text, []byte(`"tag":"stage"`), []byte(`"tag":"stale"`), 1), plan.ErrTampered},
		"a changed step":  {bytes.Replace(text, []byte(`"undo":"until-gc"`), []byte(`"undo":"until-gd"`), 1), plan.ErrTampered},
		"a line twice":    {slices.Concat(text[:end], text[bytes.LastIndexByte(text[:end-1], '\n')+1:]), plan.ErrTampered},
		"another hash":    {bytes.Replace(text, []byte(`"hash":"`), []byte(`"hash":"0`), 1), plan.ErrTampered},
		"more":            {slices.Concat(text, text[end:]), plan.ErrTampered},
		"no summary":      {text[:end], plan.ErrTruncated},
		"half a summary":  {text[:len(text)-20], plan.ErrTruncated},
		"half a line":     {text[:end-20], plan.ErrTruncated},
		"nothing of it":   {nil, plan.ErrNotPlan},
		"another version": {bytes.Replace(text, []byte(`"version":1`), []byte(`"version":2`), 1), plan.ErrVersion},
	} {
		for _, which := range []plan.Selection{plan.All, plan.RemoveOnly} {
			now = test.text
			var out bytes.Buffer
			if err := stored.Copy(&out, which); bytes.Equal(test.text, text) || !errors.Is(err, test.want) {
				t.Errorf("%s: error %v, want %v", name, err, test.want)
			}
			if _, err := plan.Read(&out); err == nil && name != "more" {
				t.Errorf("%s: the copy is a plan", name)
			}
		}
	}
}

// Between opening and reading somebody else may write: steps that were not
// there when the hash was checked are not handed out.
func TestAPlanThatChangesWhileItIsReadIsRefused(t *testing.T) {
	p := sample(t)
	text := write(t, p, plan.All)
	other := *p
	other.Steps = slices.Clone(p.Steps)
	other.Steps[0].Digest = p.Verdicts[0].Digest
	now := text
	stored, err := plan.Open(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(now)), nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string][]byte{
		"other steps":    write(t, &other, plan.All),
		"cut off":        text[:bytes.Index(text, []byte(`{"type":"step"`))],
		"no steps":       write(t, &plan.Plan{Header: p.Header, Verdicts: p.Verdicts}, plan.All),
		"no plan at all": []byte("version: 1\n"),
	} {
		now = changed
		for repo, err := range stored.Steps() {
			if err == nil {
				t.Errorf("%s: %+v", name, repo.Steps)
			} else if !errors.Is(err, plan.ErrTampered) && !errors.Is(err, plan.ErrTruncated) && !errors.Is(err, plan.ErrNotPlan) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

func TestWhatOpenRefuses(t *testing.T) {
	p := sample(t)
	scattered := *p
	scattered.Verdicts = slices.Insert(slices.Clone(p.Verdicts), 1, plan.Verdict{Type: "verdict", Registry: "memory", Repository: "other", Verdict: "keep"})
	crossed := *p
	crossed.Verdicts = append(slices.Clone(p.Verdicts), plan.Verdict{Type: "verdict", Registry: "memory", Repository: "other", Verdict: "remove"})
	crossed.Blocked = append([]plan.Blocked{{Type: "blocked", Registry: "memory", Repository: "other"}}, p.Blocked...)
	crossed.Summary.Blocked++
	misplaced := *p
	misplaced.Steps = slices.Clone(p.Steps)
	misplaced.Steps[0].Seq = 2
	text := write(t, p, plan.All)
	for name, test := range map[string]struct {
		text []byte
		want error
	}{
		"a repository twice":     {write(t, &scattered, plan.All), plan.ErrSyntax},
		"orders that contradict": {write(t, &crossed, plan.All), plan.ErrSyntax},
		"a step out of place":    {write(t, &misplaced, plan.All), plan.ErrTampered},
		"a false count":          {bytes.Replace(text, []byte(`"blocked":1`), []byte(`"blocked":2`), 1), plan.ErrTampered},
		"a changed digest":       {bytes.Replace(text, []byte(`"digest":"sha256:`), []byte(`"digest":"sha256:0`), 1), plan.ErrTampered},
		"half a plan":            {text[:len(text)/2], plan.ErrTruncated},
		"two types in one line":  {bytes.Replace(text, []byte(`{"type":"step",`), []byte(`{"type":"step","type":"blocked",`), 1), plan.ErrSyntax},
		"two verdicts in a line": {bytes.Replace(text, []byte(`"verdict":"remove"`), []byte(`"verdict":"remove","verdict":"keep"`), 1), plan.ErrSyntax},
	} {
		if _, err := plan.Open(opener(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
	}
}

// Whoever builds out of order would write a plan that depends on the order.
func TestRepositoriesComeInOneOrder(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	old(w.Repository("other"), "a")
	b := newBench(w, memory.Options{}).remove("a")
	all, _ := b.additions(t)
	elsewhere := *all[0].repo
	elsewhere.Registry = "elsewhere"
	for name, list := range map[string][]addition{
		"backwards": {all[1], all[0]}, "twice": {all[0], all[0]}, "registries": {all[0], {&elsewhere, all[0].report}},
	} {
		builder := plan.NewBuilder(plan.Header{Registries: []registry.Info{{Name: "elsewhere"}, b.info}}, b.options, plan.Into(&plan.Plan{}))
		first, second := builder.Add(list[0].repo, list[0].report, b.settings), builder.Add(list[1].repo, list[1].report, b.settings)
		_, finished := builder.Finish(0, 0)
		if first != nil || !errors.Is(second, plan.ErrOrder) || !errors.Is(finished, plan.ErrOrder) {
			t.Errorf("%s: errors %v, %v, %v", name, first, second, finished)
		}
	}
	builder := plan.NewBuilder(plan.Header{Registries: []registry.Info{b.info}}, b.options, plan.Into(&plan.Plan{}))
	if err := builder.Add(all[0].repo, all[0].report, b.settings); err != nil {
		t.Fatal(err)
	}
	builder.Gaps(inventory.Gap{Code: "catalog", Registry: b.info.Name})
	if _, err := builder.Finish(0, 0); !errors.Is(err, plan.ErrOrder) {
		t.Errorf("a late gap: error %v", err)
	}
}

// brokenSpool takes so many bytes, or cannot be read.
type brokenSpool struct {
	plan.Held
	room int
	read error
}

var errFull = errors.New("no space left on device")

func (s *brokenSpool) Write(p []byte) (int, error) {
	if s.room -= len(p); s.room < 0 {
		return 0, errFull
	}
	return s.Held.Write(p)
}

func (s *brokenSpool) Reader() (io.ReadCloser, error) {
	if s.read != nil {
		return nil, s.read
	}
	return s.Held.Reader()
}

func TestAPlanThatCannotBeWrittenIsAnError(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	b := newBench(w, memory.Options{}).remove("a")
	all, _ := b.additions(t)
	for name, out := range map[string]plan.Output{
		"the plan":              plan.Stream(failing{errFull}, &plan.Held{}),
		"what waits":            plan.Stream(io.Discard, &brokenSpool{}),
		"what waits, read back": plan.Stream(io.Discard, &brokenSpool{room: 1 << 20, read: errFull}),
	} {
		builder := plan.NewBuilder(plan.Header{Registries: []registry.Info{b.info}}, b.options, out)
		added := builder.Add(all[0].repo, all[0].report, b.settings)
		if _, err := builder.Finish(0, 0); !errors.Is(errors.Join(added, err), errFull) {
			t.Errorf("%s: errors %v, %v", name, added, err)
		}
	}
}
