package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/regkeep/regkeep/internal/policy"
)

// Selection says which verdict lines are written.
type Selection uint8

// All verdicts, or those that remove only.
const (
	All Selection = iota
	RemoveOnly
)

// What Read refuses.
var (
	ErrNotPlan   = errors.New("not a plan")
	ErrVersion   = errors.New("plan of another version")
	ErrTruncated = errors.New("plan is cut off")
	ErrTampered  = errors.New("plan was changed after it was written")
	ErrSyntax    = errors.New("plan has a line that cannot be read")
)

// Write writes the plan as JSON lines and sets p.Summary.Hash to the hash of
// what it wrote.
func Write(w io.Writer, p *Plan, verdicts Selection) error {
	out := NewWriter(w)
	if err := out.Line(&p.Header); err != nil {
		return err
	}
	for i := range p.Verdicts {
		if v := &p.Verdicts[i]; verdicts == All || v.Verdict == policy.Remove.String() {
			if err := out.Line(v); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(lines(out.Line, p.Steps), lines(out.Line, p.Blocked), lines(out.Line, p.Notices)); err != nil {
		return err
	}
	return out.End(&p.Summary)
}

func lines[T any](write func(any) error, list []T) error {
	for i := range list {
		if err := write(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// Read reads what Write wrote and checks its hash.
func Read(r io.Reader) (*Plan, error) {
	in := NewReader(r)
	p := &Plan{}
	for {
		line, err := in.Next()
		if errors.Is(err, io.EOF) {
			if err := p.consistent(); err != nil {
				return nil, err
			}
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		switch line := line.(type) {
		case *Header:
			p.Header = *line
		case *Verdict:
			p.Verdicts = append(p.Verdicts, *line)
		case *Step:
			p.Steps = append(p.Steps, *line)
		case *Blocked:
			p.Blocked = append(p.Blocked, *line)
		case *Notice:
			p.Notices = append(p.Notices, *line)
		case *Summary:
			p.Summary = *line
		}
	}
}

// consistent compares the summary, which the hash does not cover, with the
// lines.
func (p *Plan) consistent() error {
	for i := range p.Steps {
		if p.Steps[i].Seq != i+1 {
			return fmt.Errorf("%w: step %d stands at place %d", ErrTampered, p.Steps[i].Seq, i+1)
		}
	}
	if p.Summary.Steps != len(p.Steps) || p.Summary.Blocked != len(p.Blocked) {
		return fmt.Errorf("%w: the summary counts %d steps and %d blocked tags, there are %d and %d",
			ErrTampered, p.Summary.Steps, p.Summary.Blocked, len(p.Steps), len(p.Blocked))
	}
	return nil
}

// clip keeps foreign text short enough for an error.
func clip(text []byte) string {
	const most = 80
	text = bytes.TrimSpace(text)
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
