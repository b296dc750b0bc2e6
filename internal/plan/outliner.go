package plan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// outliner makes the outline of a plan from its lines.
type outliner struct {
	*Outline
	places map[[2]string]*Section
	// queues are the sections in the order in which their lines of one kind
	// come: verdicts, steps, blocked lines.
	queues [3][]*Section
	seen   [3]map[*Section]bool
	sum    hash.Hash // of the steps of the last section so far
}

const (
	ofVerdicts = iota
	ofSteps
	ofBlocked
)

func newOutliner(o *Outline) *outliner {
	into := &outliner{Outline: o, places: map[[2]string]*Section{}, sum: sha256.New()}
	for i := range into.seen {
		into.seen[i] = map[*Section]bool{}
	}
	return into
}

// read takes a whole plan in.
func (o *outliner) read(in *Reader) error {
	for {
		kind, text, err := in.next()
		if errors.Is(err, io.EOF) {
			return o.finish()
		}
		if err == nil {
			err = o.line(in, kind, text)
		}
		if err != nil {
			return err
		}
	}
}

func (o *outliner) line(in *Reader, kind string, text []byte) error {
	switch kind {
	case "plan":
		return in.decode(text, &o.Header)
	case "verdict":
		var line struct {
			Registry   string `json:"registry"`
			Repository string `json:"repository"`
			Verdict    string `json:"verdict"`
		}
		if err := in.decode(text, &line); err != nil {
			return err
		}
		at, err := o.at(in, ofVerdicts, line.Registry, line.Repository)
		if err == nil {
			at.verdict(line.Verdict)
		}
		return err
	case "step":
		var line Step
		if err := in.decode(text, &line); err != nil {
			return err
		}
		return o.step(in, &line, text)
	case "blocked":
		var line Blocked
		if err := in.decode(text, &line); err != nil {
			return err
		}
		at, err := o.at(in, ofBlocked, line.Registry, line.Repository)
		if err == nil {
			at.Blocked++
		}
		return err
	case "gap", "warning", "refusal":
		o.Notices = append(o.Notices, Notice{})
		return in.decode(text, &o.Notices[len(o.Notices)-1])
	case "summary":
		return in.decode(text, &o.Summary)
	default:
		return nil
	}
}

func (o *outliner) step(in *Reader, line *Step, text []byte) error {
	before := len(o.queues[ofSteps])
	at, err := o.at(in, ofSteps, line.Registry, line.Repository)
	if err != nil {
		return err
	}
	if len(o.queues[ofSteps]) > before {
		o.closeSum(before - 1)
	}
	o.sum.Write(text)
	at.step(line)
	if n := o.Summary.Steps + 1; line.Seq != n {
		return fmt.Errorf("%w: step %d stands at place %d", ErrTampered, line.Seq, n)
	}
	o.Summary.Steps++ // counted here until the summary says so
	return nil
}

// closeSum ends the sum of a section in the queue of steps.
func (o *outliner) closeSum(i int) {
	if i >= 0 {
		copy(o.queues[ofSteps][i].sum[:], o.sum.Sum(nil))
	}
	o.sum.Reset()
}

// at finds the section of a line. The lines of one repository stand together.
func (o *outliner) at(in *Reader, kind int, registry, repository string) (*Section, error) {
	queue := o.queues[kind]
	if n := len(queue); n > 0 && queue[n-1].Registry == registry && queue[n-1].Repository == repository {
		return queue[n-1], nil
	}
	key := [2]string{registry, repository}
	at := o.places[key]
	if at == nil {
		at = &Section{Registry: registry, Repository: repository}
		o.places[key] = at
	}
	if o.seen[kind][at] {
		return nil, in.syntax(fmt.Errorf("the lines of %s/%s do not stand together", registry, repository))
	}
	o.seen[kind][at] = true
	o.queues[kind] = append(queue, at)
	return at, nil
}

// finish brings the sections into one order, that of every kind of line, and
// compares the summary, which the hash does not cover, with the lines.
func (o *outliner) finish() error {
	o.closeSum(len(o.queues[ofSteps]) - 1)
	for len(o.sections) < len(o.places) {
		at := o.nextSection()
		if at == nil {
			return fmt.Errorf("%w: its verdicts, steps and blocked lines name repositories in different orders", ErrSyntax)
		}
		o.sections = append(o.sections, at)
	}
	said := o.Summary
	lines := *o.Outline
	lines.count()
	if said.Steps != lines.Summary.Steps || said.Blocked != lines.Summary.Blocked {
		return fmt.Errorf("%w: the summary counts %d steps and %d blocked tags, there are %d and %d",
			ErrTampered, said.Steps, said.Blocked, lines.Summary.Steps, lines.Summary.Blocked)
	}
	return nil
}

// nextSection takes a section for which no kind of line has an earlier one.
func (o *outliner) nextSection() *Section {
	for _, queue := range o.queues {
		if len(queue) == 0 {
			continue
		}
		at, first := queue[0], true
		for kind := range o.queues {
			first = first && (!o.seen[kind][at] || o.queues[kind][0] == at)
		}
		if !first {
			continue
		}
		for kind := range o.queues {
			if o.seen[kind][at] {
				o.queues[kind] = o.queues[kind][1:]
			}
		}
		return at
	}
	return nil
}
