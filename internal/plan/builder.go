package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// Options of a plan.
type Options struct {
	Now time.Time
	// MaxRemovals bounds the roots that the whole plan may remove.
	MaxRemovals policy.Limit
	// Automatic is set where no person looks at the plan before it is applied.
	Automatic *Automatic
	// Strict turns the policy's warnings into refusals.
	Strict bool
	// Archived: blobs are archived before they go, so every step can be undone.
	Archived bool
	// Partial: not every repository of the registry was looked at, so blobs may
	// be shared with others.
	Partial bool
}

// Builder turns reports into a plan, one repository after the other, and hands
// each line on as soon as nothing can change it any more. It remembers how much
// goes from each repository and which blobs there are, sixteen bytes for each;
// tags and manifests it forgets.
type Builder struct {
	header   Header
	opts     Options
	out      Output
	err      error                      // the first; nothing is written after it
	notices  []Notice                   // of the whole
	further  []Notice                   // of repositories
	gaps     map[string][]inventory.Gap // by registry; "": of all
	totals   []*total
	sections []*Section
}

// ErrOrder means that a plan was put together in the wrong order, which is a
// mistake in regkeep.
var ErrOrder = errors.New("the parts of a plan came in the wrong order")

// NewBuilder starts a plan that goes to out. The header names the registries
// with their capabilities.
func NewBuilder(header Header, opts Options, out Output) *Builder {
	header.Type, header.Version = "plan", Version
	header.Kind = cmp.Or(header.Kind, "remove")
	if header.Registries == nil {
		header.Registries = []registry.Info{}
	}
	if header.Evidence == nil {
		header.Evidence = []Evidence{}
	}
	return &Builder{header: header, opts: opts, out: out, gaps: map[string][]inventory.Gap{}, err: out.begin(&header)}
}

// Warn adds what the policy says about itself as a whole.
func (b *Builder) Warn(warnings ...policy.Warning) {
	for _, w := range warnings {
		b.notices = append(b.notices, Notice{Type: "warning", Code: w.Code, Scope: w.Scope, Message: w.Message, Lift: w.Lift})
	}
}

// Gaps tells what could not be learned of whole registries, which holds every
// removal there: it comes before the first of their repositories. A gap that
// names no registry stands for all.
func (b *Builder) Gaps(gaps ...inventory.Gap) {
	for _, gap := range gaps {
		of := cmp.Or(gap.Registry, "all registries")
		b.notices = append(b.notices, Notice{Type: "gap", Code: gap.Code, Scope: of, Message: gap.Message})
		b.gaps[gap.Registry] = append(b.gaps[gap.Registry], gap)
		if slices.ContainsFunc(b.totals, func(t *total) bool { return gap.Registry == "" || gap.Registry == t.registry }) {
			b.fail(fmt.Errorf("%w: a gap of %s after its repositories", ErrOrder, of))
		}
	}
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Add plans one repository. repo is what Deepen made of it. Repositories come
// by registry, in the order of the header, and by name. After an error, which
// is the output's or ErrOrder, there is no plan.
func (b *Builder) Add(repo *inventory.Repository, report policy.Report, settings policy.Settings) error {
	b.inOrder(repo)
	if b.err != nil {
		return b.err
	}
	p := &part{registry: repo.Registry, repository: repo.Name}
	of := b.total(repo.Registry)
	gaps := slices.Clone(repo.Gaps)
	if gap, ok := unresolved(repo, &report, b.capabilities(repo.Registry)); ok {
		gaps = append(gaps, gap)
	}
	for _, gap := range gaps {
		p.notice("gap", gap.Code, gap.Message, "")
	}
	for i := range report.Decisions {
		if report.Decisions[i].Root.Tag != nil {
			p.rootTags++
		}
	}
	p.warn(&report, b.opts.Strict)
	unread := len(gaps) > 0
	if !unread {
		gaps = slices.Concat(b.gaps[repo.Registry], b.gaps[""])
	}
	held := ""
	if len(gaps) > 0 {
		held = gaps[0].Message
	}
	at := &Section{Registry: p.registry, Repository: p.repository}
	b.sections = append(b.sections, at)
	var written error
	var writing sync.WaitGroup
	writing.Go(func() { written = b.verdicts(at, repo, &report, held) })
	var g *graph
	if !unread {
		g = b.plan(p, repo, &report, settings)
		if settings.Exempt {
			p.rootTags, p.removals, p.untagged = 0, 0, 0
		}
		p.limit(settings, b.opts)
	}
	if len(gaps) > 0 {
		p.hold()
		of.ledger.inexact = true
	}
	if p.refused {
		p.steps = nil
	}
	if g == nil {
		of.ledger.stay(repo, maps.Values(repo.Manifests))
	} else {
		of.ledger.stay(repo, g.manifests(false))
		of.ledger.goes(g.manifests(true), len(p.steps) > 0)
	}
	of.add(p)
	b.further = append(b.further, p.notices...)
	waits := b.hold(at, p)
	writing.Wait()
	b.fail(written)
	b.fail(waits)
	return b.err
}

// inOrder refuses a repository that comes too late.
func (b *Builder) inOrder(repo *inventory.Repository) {
	if len(b.sections) == 0 {
		return
	}
	last := b.sections[len(b.sections)-1]
	if cmp.Or(cmp.Compare(b.rank(last.Registry), b.rank(repo.Registry)), cmp.Compare(last.Registry, repo.Registry), cmp.Compare(last.Repository, repo.Name)) >= 0 {
		b.fail(fmt.Errorf("%w: %s/%s after %s/%s", ErrOrder, repo.Registry, repo.Name, last.Registry, last.Repository))
	}
}

func (b *Builder) rank(name string) int {
	return slices.IndexFunc(b.header.Registries, func(info registry.Info) bool { return info.Name == name })
}

// verdicts hands on what was decided, while the steps are planned and held; held
// says why removals are held.
func (b *Builder) verdicts(at *Section, repo *inventory.Repository, report *policy.Report, held string) error {
	decisions := inOrder(report.Decisions)
	for i := range decisions {
		at.verdict(outcome(&decisions[i], held).String())
	}
	return b.out.verdicts(len(decisions), func(i int) Verdict { return verdict(repo, &decisions[i], held) })
}

// hold hands on what must wait.
func (b *Builder) hold(at *Section, p *part) error {
	for i := range p.steps {
		at.step(&p.steps[i])
	}
	at.Blocked = len(p.blocked)
	return b.out.hold(p.steps, p.blocked)
}

// plan writes the steps of one repository and returns what becomes of its
// manifests; what goes into quarantine stays in the registry. It is nil where
// nothing goes.
func (b *Builder) plan(p *part, repo *inventory.Repository, report *policy.Report, settings policy.Settings) *graph {
	can := b.capabilities(repo.Registry)
	removes := slices.ContainsFunc(report.Decisions, func(d policy.Decision) bool { return d.Verdict == policy.Remove })
	if repo.Depth != inventory.Graph {
		return nil
	}
	g := newGraph(repo, report, can.ComponentDelete == registry.SupportYes)
	g.fate(func(orphan node) bool {
		return settings.RemoveOrphans && g.orphanMayGo(orphan, settings.Grace, b.opts.Now)
	})
	if stay := g.count(func(v *vertex) bool { return v.orphan && !v.doomed }); stay > 0 {
		p.notice("warning", "orphan", fmt.Sprintf("%d attachments stay although what they belong to was not found", stay), "attachments.orphans")
	}
	if !removes && g.count(func(v *vertex) bool { return v.doomed }) == 0 {
		return nil
	}
	if !g.components {
		p.warnFresh(g.protectFresh(settings.Grace, b.opts.Now))
		if can.DigestDelete == registry.SupportNo {
			g.spare(func(node) bool { return true })
		}
	}
	w := &planner{part: p, graph: g, can: can, settings: settings, archived: b.opts.Archived}
	w.plan()
	w.intoQuarantine()
	for i := range p.steps {
		p.steps[i].Type, p.steps[i].Registry, p.steps[i].Repository = "step", p.registry, p.repository
	}
	for i := range p.blocked {
		p.blocked[i].Type, p.blocked[i].Registry, p.blocked[i].Repository = "blocked", p.registry, p.repository
	}
	if problem := check(repo, report, p.steps); problem != "" {
		p.refuse("self-check", "the plan of this repository contradicts itself, which is a mistake in regkeep: "+problem, "")
	}
	g.spare(func(at node) bool { // their bytes are held on to
		_, held := g.quarantined[at]
		return held
	})
	return g
}

// unresolved is the gap of a repository in which a tag could lead to anything.
func unresolved(repo *inventory.Repository, report *policy.Report, can registry.Capabilities) (inventory.Gap, bool) {
	removes := slices.ContainsFunc(report.Decisions, func(d policy.Decision) bool { return d.Verdict == policy.Remove })
	if !removes || len(repo.Gaps) > 0 {
		return inventory.Gap{}, false
	}
	gap := inventory.Gap{Code: "manifest", Registry: repo.Registry, Repository: repo.Name}
	if repo.Depth != inventory.Graph {
		gap.Message = "its tags were not resolved"
		return gap, true
	}
	if can.ComponentDelete == registry.SupportYes {
		return gap, false
	}
	for i := range repo.Tags {
		if tag := &repo.Tags[i]; tag.Digest == "" {
			gap.Message = fmt.Sprintf("tag %s could not be resolved: %s", tag.Name, cmp.Or(tag.Problem, "nobody knows why"))
			return gap, true
		}
	}
	return gap, false
}

func (b *Builder) capabilities(name string) registry.Capabilities {
	for _, info := range b.header.Registries {
		if info.Name == name {
			return info.Capabilities
		}
	}
	return registry.Capabilities{}
}

// Finish applies the breakers that look at the whole and writes the rest: steps
// with their numbers, blocked lines, notices (further ones last) and the
// summary.
func (b *Builder) Finish(requests int64, seconds float64, further ...Notice) (*Outline, error) {
	b.limitWhole()
	o := &Outline{Header: b.header, Notices: slices.Concat(b.notices, b.further, further), sections: b.sections, Summary: Summary{
		Type: "summary", Repositories: len(b.sections), Requests: requests, Seconds: seconds, BytesExact: true,
	}}
	for _, of := range b.totals {
		if b.capabilities(of.registry).ComponentDelete == registry.SupportYes {
			o.Summary.BytesUnknown, o.Summary.BytesExact = true, false
			continue
		}
		if bytes, exact := of.ledger.freed(); !of.refused {
			o.Summary.BytesFreed += bytes
			o.Summary.BytesExact = o.Summary.BytesExact && exact
		}
	}
	if b.err == nil {
		b.err = b.out.release(b.sections, func(registry string) bool { return !b.total(registry).refused })
	}
	o.count()
	for i := range o.Notices {
		if b.err == nil {
			b.err = b.out.notice(&o.Notices[i])
		}
	}
	if b.err == nil {
		b.err = b.out.end(&o.Summary)
	}
	return o, b.err
}
