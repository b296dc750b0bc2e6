package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
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

// Builder turns reports into a plan, one repository after the other. Two
// builders that are given the same make the same plan, in whatever order the
// repositories came.
type Builder struct {
	header  Header
	opts    Options
	parts   []*part
	ledgers map[string]*ledger // by registry
	notices []Notice           // of the whole
}

// NewBuilder starts a plan. The header names the registries with their
// capabilities.
func NewBuilder(header Header, opts Options) *Builder {
	header.Type, header.Version = "plan", Version
	header.Kind = cmp.Or(header.Kind, "remove")
	if header.Registries == nil {
		header.Registries = []registry.Info{}
	}
	if header.Evidence == nil {
		header.Evidence = []Evidence{}
	}
	return &Builder{header: header, opts: opts, ledgers: map[string]*ledger{}}
}

// Warn adds what the policy says about itself as a whole.
func (b *Builder) Warn(warnings ...policy.Warning) {
	for _, w := range warnings {
		b.notices = append(b.notices, Notice{Type: "warning", Code: w.Code, Scope: w.Scope, Message: w.Message, Lift: w.Lift})
	}
}

// Add plans one repository. repo is what Deepen made of it.
func (b *Builder) Add(repo *inventory.Repository, report policy.Report, settings policy.Settings) {
	p := &part{registry: repo.Registry, repository: repo.Name}
	b.parts = append(b.parts, p)
	ledger := b.ledger(repo.Registry)
	gaps := slices.Clone(repo.Gaps)
	if gap, ok := unresolved(repo, &report, b.capabilities(repo.Registry)); ok {
		gaps = append(gaps, gap)
	}
	for _, gap := range gaps {
		p.notice("gap", gap.Code, gap.Message, "")
	}
	p.verdicts = verdicts(repo, &report)
	for i := range report.Decisions {
		if report.Decisions[i].Root.Tag != nil {
			p.rootTags++
		}
	}
	p.warn(&report, b.opts.Strict)
	if len(gaps) > 0 {
		p.hold(gaps[0].Message)
		ledger.inexact = true
		ledger.stay(repo, nil)
		return
	}
	doomed := b.plan(p, repo, &report, settings)
	p.limit(settings, b.opts)
	ledger.stay(repo, doomed)
	p.blobs, p.exact, p.attestations = goes(repo, doomed)
}

// plan writes the steps of one repository and returns what they make go.
func (b *Builder) plan(p *part, repo *inventory.Repository, report *policy.Report, settings policy.Settings) map[oci.Digest]bool {
	can := b.capabilities(repo.Registry)
	removes := slices.ContainsFunc(report.Decisions, func(d policy.Decision) bool { return d.Verdict == policy.Remove })
	if repo.Depth != inventory.Graph {
		return nil
	}
	g := newGraph(repo, report, can.ComponentDelete == registry.SupportYes)
	g.fate(func(orphan oci.Digest) bool {
		return settings.RemoveOrphans && g.orphanMayGo(orphan, settings.Grace, b.opts.Now)
	})
	if stay := len(g.orphans) - g.doomedOrphans(); stay > 0 {
		p.notice("warning", "orphan", fmt.Sprintf("%d attachments stay although what they belong to was not found", stay), "attachments.orphans")
	}
	if !removes && len(g.doomed) == 0 {
		return nil
	}
	if !g.components {
		p.warnFresh(g.protectFresh(settings.Grace, b.opts.Now))
		if can.DigestDelete == registry.SupportNo {
			clear(g.doomed)
		}
	}
	w := &planner{part: p, graph: g, can: can, settings: settings, archived: b.opts.Archived}
	w.plan()
	for i := range p.steps {
		p.steps[i].Type, p.steps[i].Registry, p.steps[i].Repository = "step", p.registry, p.repository
	}
	for i := range p.blocked {
		p.blocked[i].Type, p.blocked[i].Registry, p.blocked[i].Repository = "blocked", p.registry, p.repository
	}
	if problem := check(repo, report, p.steps); problem != "" {
		p.refuse("self-check", "the plan of this repository contradicts itself, which is a mistake in regkeep: "+problem, "")
	}
	return g.doomed
}

func (g *graph) doomedOrphans() int {
	n := 0
	for digest := range g.orphans {
		if g.doomed[digest] {
			n++
		}
	}
	return n
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

func (b *Builder) ledger(name string) *ledger {
	l := b.ledgers[name]
	if l == nil {
		l = &ledger{staying: map[uint64]struct{}{}, inexact: b.opts.Partial}
		b.ledgers[name] = l
	}
	return l
}

// Finish applies the breakers that look at the whole and returns the plan.
// gaps are those of whole registries; one that names no registry stands for
// all.
func (b *Builder) Finish(gaps []inventory.Gap, requests int64, seconds float64) *Plan {
	rank := map[string]int{}
	for i, info := range b.header.Registries {
		rank[info.Name] = i + 1
	}
	slices.SortStableFunc(b.parts, func(x, y *part) int {
		return cmp.Or(cmp.Compare(rank[x.registry], rank[y.registry]), cmp.Compare(x.registry, y.registry), cmp.Compare(x.repository, y.repository))
	})
	b.block(gaps)
	b.limitWhole()

	p := &Plan{Header: b.header, Notices: b.notices, Summary: Summary{
		Type: "summary", Repositories: len(b.parts), Requests: requests, Seconds: seconds, BytesExact: true,
	}}
	for name, parts := range b.byRegistry() {
		if b.capabilities(name).ComponentDelete == registry.SupportYes {
			p.Summary.BytesUnknown, p.Summary.BytesExact = true, false
			continue
		}
		bytes, exact := b.ledger(name).freed(parts)
		p.Summary.BytesFreed += bytes
		p.Summary.BytesExact = p.Summary.BytesExact && exact
	}
	verdicts, steps := 0, 0
	for _, part := range b.parts {
		verdicts, steps = verdicts+len(part.verdicts), steps+len(part.steps)
	}
	p.Verdicts, p.Steps = make([]Verdict, 0, verdicts), make([]Step, 0, steps)
	for _, part := range b.parts {
		p.Verdicts = append(p.Verdicts, part.verdicts...)
		p.Blocked = append(p.Blocked, part.blocked...)
		p.Notices = append(p.Notices, part.notices...)
		for _, step := range part.steps {
			if part.refused {
				break
			}
			step.Seq = len(p.Steps) + 1
			p.Steps = append(p.Steps, step)
		}
		part.verdicts, part.steps, part.blobs = nil, nil, nil // they are in the plan now
	}
	p.count()
	return p
}

func (b *Builder) byRegistry() map[string][]*part {
	parts := map[string][]*part{}
	for _, p := range b.parts {
		parts[p.registry] = append(parts[p.registry], p)
	}
	return parts
}

// block holds every removal in registries that could not be read whole.
func (b *Builder) block(gaps []inventory.Gap) {
	for _, gap := range gaps {
		b.notices = append(b.notices, Notice{Type: "gap", Code: gap.Code, Scope: cmp.Or(gap.Registry, "all registries"), Message: gap.Message})
		for _, p := range b.parts {
			if gap.Registry == "" || gap.Registry == p.registry {
				p.hold(gap.Message)
				b.ledger(p.registry).inexact = true
			}
		}
	}
}

// count fills in the summary from the lines.
func (p *Plan) count() {
	s := &p.Summary
	s.Roots, s.Steps, s.Blocked = len(p.Verdicts), len(p.Steps), len(p.Blocked)
	s.Keep, s.Remove, s.Hold = 0, 0, 0
	for i := range p.Verdicts {
		switch p.Verdicts[i].Verdict {
		case policy.Keep.String():
			s.Keep++
		case policy.Remove.String():
			s.Remove++
		default:
			s.Hold++
		}
	}
}
