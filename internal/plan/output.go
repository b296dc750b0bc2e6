package plan

// Output is where a builder's plan goes: Into memory, or a Stream.
type Output interface {
	begin(*Header) error
	// verdicts takes the n lines of the next repository in their order. line(i)
	// makes one of them; it may be called by several goroutines at once.
	verdicts(n int, line func(i int) Verdict) error
	// hold takes the steps and blocked lines of the same repository, which must
	// wait until it is known what the breakers leave of the whole. It may be called
	// while verdicts is at work.
	hold(steps []Step, blocked []Blocked) error
	// release writes what was held, repository by repository: the steps of those
	// registries where they go, numbered, then every blocked line.
	release(sections []*Section, goes func(registry string) bool) error
	notice(*Notice) error
	end(*Summary) error
}

// Into is the output for plans that are looked at in memory. p is complete
// once the builder has finished.
func Into(p *Plan) Output { return &memory{plan: p} }

type memory struct {
	plan    *Plan
	waiting []Step
}

func (m *memory) begin(h *Header) error  { m.plan.Header = *h; return nil }
func (m *memory) notice(n *Notice) error { m.plan.Notices = append(m.plan.Notices, *n); return nil }
func (m *memory) end(s *Summary) error   { m.plan.Summary = *s; return nil }

func (m *memory) verdicts(n int, line func(int) Verdict) error {
	for i := range n {
		m.plan.Verdicts = append(m.plan.Verdicts, line(i))
	}
	return nil
}

func (m *memory) hold(steps []Step, blocked []Blocked) error {
	m.waiting = append(m.waiting, steps...)
	m.plan.Blocked = append(m.plan.Blocked, blocked...)
	return nil
}

func (m *memory) release(sections []*Section, goes func(string) bool) error {
	for _, at := range sections {
		steps := m.waiting[:at.Steps]
		m.waiting = m.waiting[at.Steps:]
		if !goes(at.Registry) {
			at.dropSteps()
			continue
		}
		for _, step := range steps {
			step.Seq = len(m.plan.Steps) + 1
			m.plan.Steps = append(m.plan.Steps, step)
		}
	}
	return nil
}
