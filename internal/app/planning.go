package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/heap"
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
	"github.com/regkeep/regkeep/internal/usage"
)

// PlanRequest is what to plan.
type PlanRequest struct {
	Targets []Target
	Policy  *policy.Policy
	// Now is the instant of all ages; zero for the moment of planning.
	Now         time.Time
	MaxRemovals policy.Limit
	Strict      bool
	// Archive is where whole images will be kept before they go; "" for where
	// the configuration says.
	Archive string
	// Automatic: no person looks at the plan before it is applied.
	Automatic bool
}

// Plan looks at the registries, decides, and writes the plan beside the state
// while it decides. It deletes nothing. The plan is also returned where its
// error says that it has gaps or was refused as a whole.
func (a *App) Plan(ctx context.Context, request PlanRequest) (*plan.Stored, error) {
	chosen, err := selections(request.Targets)
	if err != nil {
		return nil, err
	}
	created := a.now()
	now := request.Now.UTC()
	if request.Now.IsZero() {
		now = created
	}
	archivedAt, err := a.ArchivePlace(request.Archive)
	if err != nil {
		return nil, err
	}
	session, err := a.look(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer session.close()
	evidence, err := a.collect(ctx, session, created)
	if err != nil {
		return nil, err
	}
	opts := plan.Options{Now: now, MaxRemovals: request.MaxRemovals, Strict: request.Strict, Archived: archivedAt != ""}
	if request.Automatic {
		if opts.Automatic, err = a.automatic(ctx, session); err != nil {
			return nil, err
		}
	}
	for _, s := range chosen {
		opts.Partial = opts.Partial || !s.all
	}
	header := plan.Header{
		Type: "plan", Version: plan.Version, Kind: "remove", ID: newPlanID(created),
		Created: created, Now: now, Expires: created.Add(a.planMaxAge()),
		Tool: a.opts.Tool, PolicyHash: request.Policy.Hash(), Archive: archivedAt,
		Registries: session.infos(), Evidence: planEvidence(evidence),
	}

	return a.write(header, opts, func(builder *plan.Builder) (written, error) {
		builder.Warn(request.Policy.Warnings()...)
		builder.Warn(doubts(session, request.Policy, evidence)...)
		watch := newWatch(request.Policy)
		for i, opened := range session.opened {
			scanner, err := a.scanner(opened, chosen[i], created)
			if err != nil {
				return written{}, err
			}
			watched := watch.scope(opened.info.Name, chosen[i].all)
			stop := a.pulse(opened)
			err = decide(ctx, scanner, rules{request.Policy}, evidence, now, builder, watched)
			stop()
			if err != nil {
				return written{}, advise(opened.info.Name, err)
			}
		}
		remembered := header.ID
		if !request.Now.IsZero() {
			remembered = "" // a rehearsal
		}
		warnings, err := a.judge(ctx, watch, remembered, created)
		if err != nil {
			return written{}, err
		}
		builder.Warn(warnings...)
		return written{session.requests(), incomplete(session, evidence)}, nil
	})
}

// written is what a plan says at its end: the requests that it took, and
// notices after all others.
type written struct {
	requests int64
	further  []plan.Notice
}

// write keeps the plan that fill gives to the builder. It is also returned
// where the error is about what it says.
func (a *App) write(header plan.Header, opts plan.Options, fill func(*plan.Builder) (written, error)) (*plan.Stored, error) {
	started := a.opts.Clock()
	m, err := a.make()
	if err != nil {
		return nil, err
	}
	defer m.close()
	builder := plan.NewBuilder(header, opts, m.output())
	end, err := fill(builder)
	if err == nil {
		err = a.scanned()
	}
	if err != nil {
		return nil, err
	}
	outline, err := builder.Finish(end.requests, a.opts.Clock().Sub(started).Seconds(), end.further...)
	if err != nil {
		return nil, notWritten(err)
	}
	text, err := m.keep(header.ID)
	if err != nil {
		return nil, err
	}
	return outline.Stored(text), verdictOf(outline)
}

// scanned is called when all that a plan needs was read: what the scans saw is on
// disk before there is a plan, what they fetched is written while it is finished.
func (a *App) scanned() error {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.contents != nil {
		a.contents.pause()
	}
	recording := a.recording
	a.recording = newRecording()
	return recording.Wait()
}

func notWritten(err error) error { return fmt.Errorf("write the plan: %w", err) }

// decide reads, decides and plans one registry, a repository at a time.
func decide(ctx context.Context, scanner *inventory.Scanner, rules rules, evidence *usage.Evidence, now time.Time, builder *plan.Builder, watched *watched) error {
	gaps := told(builder, scanner.Gaps)
	for repo, err := range scanner.Scan(ctx, asking{rules, evidence}) {
		if err != nil {
			return err
		}
		gaps()
		report := rules.Evaluate(repo, evidence, now)
		report.Refusals = append(report.Refusals, unproven(repo.Registry, &report, evidence)...)
		watched.add(repo, &report)
		if removed := report.Removes(); len(removed) > 0 {
			if repo, err = scanner.Deepen(ctx, repo, removed); err != nil {
				return err
			}
		}
		if err := builder.Add(repo, report, rules.Settings(report.Policy)); err != nil {
			return notWritten(err)
		}
	}
	gaps()
	watched.gaps(scanner.Gaps())
	return ctx.Err()
}

// told tells a builder the gaps of a registry once: they are known when its
// first repository comes, or when there is none.
func told(builder *plan.Builder, gaps func() []inventory.Gap) func() {
	return sync.OnceFunc(func() { builder.Gaps(gaps()...) })
}

func planEvidence(evidence *usage.Evidence) []plan.Evidence {
	lines := []plan.Evidence{}
	if evidence == nil {
		return lines
	}
	for _, source := range evidence.Sources {
		lines = append(lines, plan.Evidence{Source: source.Name, At: source.At, Complete: source.Complete, References: source.References})
	}
	return lines
}

// verdictOf says what a plan means for the exit code: gaps make it partial, a
// refusal of all that would have gone refuses it.
func verdictOf(p *plan.Outline) error {
	gaps, refusals := 0, 0
	for _, notice := range p.Notices {
		switch notice.Type {
		case "gap":
			gaps++
		case "refusal":
			refusals++
		}
	}
	switch {
	case gaps > 0:
		return &Failure{Kind: Partial, Err: fmt.Errorf("%d gaps: nothing is removed where something could not be read", gaps)}
	case refusals > 0 && p.Summary.Steps == 0:
		return &Failure{Kind: Refused, Err: errors.New("every removal was refused")}
	default:
		return nil
	}
}

// automatic gathers what the breakers of an unattended run compare with.
func (a *App) automatic(ctx context.Context, session *session) (*plan.Automatic, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	breakers := &plan.Automatic{}
	for _, opened := range session.opened {
		recent, err := state.Removals(ctx, opened.info.Name, 10)
		if err != nil {
			return nil, err
		}
		breakers.Recent = append(breakers.Recent, recent...)
	}
	return breakers, nil
}

// scanner makes the scanner of one registry that remembers what it saw.
func (a *App) scanner(opened *opened, chosen selection, at time.Time) (*inventory.Scanner, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	cache, err := a.cache()
	if err != nil {
		return nil, err
	}
	a.opening.Lock()
	recording := a.recording
	a.opening.Unlock()
	return inventory.NewScanner(wrap.NewCache(opened.reader, cache), opened.info, inventory.Options{
		Recall:       recaller(state, cache, opened.info.Name),
		AtHand:       cache.shelf.ready,
		Match:        chosen.matches(),
		Repositories: chosen.repositories(),
		Workers:      a.opts.Connection.Concurrency,
		Events:       a.opts.Events,
		Requests:     opened.requests,
		FirstSeen:    sightings{state: state, registry: opened.info.Name, at: at, recording: recording},
	}), nil
}

// pulse tells now and then how many requests were sent, because a large
// repository takes long to be read. The function that it returns ends it.
func (a *App) pulse(o *opened) (stop func()) {
	if a.opts.Events == nil {
		return func() {}
	}
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				a.opts.Events.Emit(event.Sent{Registry: o.info.Name, Requests: o.requests()})
			}
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}

const beat = 250 * time.Millisecond

// session is the registries of one command, signed in.
type session struct{ opened []*opened }

func (s *session) infos() []registry.Info {
	infos := []registry.Info{}
	for _, o := range s.opened {
		infos = append(infos, o.info)
	}
	return infos
}

func (s *session) requests() int64 {
	var n int64
	for _, o := range s.opened {
		n += o.requests()
	}
	return n
}

func (s *session) close() {
	for _, o := range s.opened {
		o.close()
	}
}

// look opens every registry and signs in before any work is done on one. The
// state is opened and memory prepared meanwhile; who needs the state is told what
// is wrong with it.
func (a *App) look(ctx context.Context, chosen []selection) (*session, error) {
	var opening sync.WaitGroup
	opening.Go(func() {
		_, _ = a.cache()
		go heap.Prepare()
	})
	defer opening.Wait()
	s := &session{}
	for _, c := range chosen {
		o, err := a.openFor(ctx, c)
		if err != nil {
			s.close()
			return nil, err
		}
		s.opened = append(s.opened, o)
	}
	return s, nil
}
