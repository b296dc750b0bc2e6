package plan

import (
	"errors"
	"io"
	"iter"

	"github.com/regkeep/regkeep/internal/policy"
)

// Opener opens the text of a plan at its beginning, as often as it is called.
type Opener func() (io.ReadCloser, error)

// Stored is a plan that lies somewhere as text. In memory is its Outline; lines
// are read when they are asked for.
//
// The text is what its hash says when Stored is made. If it changes later, no
// steps that were not there then are handed out.
type Stored struct {
	Outline
	open Opener
}

// Stored is the plan whose text the builder's output has taken.
func (o *Outline) Stored(open Opener) *Stored { return &Stored{Outline: *o, open: open} }

// Open reads a plan once, checks its hash and that its lines go together.
func Open(open Opener) (*Stored, error) {
	text, err := open()
	if err != nil {
		return nil, err
	}
	s := &Stored{open: open}
	if err := errors.Join(newOutliner(&s.Outline).read(NewReader(text)), text.Close()); err != nil {
		return nil, err
	}
	return s, nil
}

// Text opens the plan as it is stored.
func (s *Stored) Text() (io.ReadCloser, error) { return s.open() }

// Copy writes the plan as JSON lines. What is left out by the selection changes
// the hash.
func (s *Stored) Copy(w io.Writer, verdicts Selection) (err error) {
	text, err := s.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	out, in := NewWriter(w), NewReader(text)
	write := out.raw
	if verdicts == All { // what is written is what is read, and hashed there
		out.hash = in.hash
		write = func(line []byte) error { _, err := out.out.Write(line); return err }
	}
	for {
		kind, line, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case kind == "summary":
			summary := s.Summary
			if err := in.decode(line, &Summary{}); err != nil {
				return err
			}
			if err := out.End(&summary); err != nil {
				return err
			}
			continue
		case kind == "verdict" && verdicts == RemoveOnly:
			var v struct {
				Verdict string `json:"verdict"`
			}
			if err := in.decode(line, &v); err != nil {
				return err
			}
			if v.Verdict != policy.Remove.String() {
				continue
			}
		}
		if err := write(line); err != nil {
			return err
		}
	}
}

// Repository is what a plan says of one repository.
type Repository struct {
	*Section
	Verdicts []Verdict
	Steps    []Step
	Blocked  []Blocked
}

// Repositories yields what the plan says, one repository at a time. An error
// ends it.
func (s *Stored) Repositories() iter.Seq2[*Repository, error] {
	return s.walk(func(*Section) bool { return true }, true)
}

// Steps yields the repositories in which something changes, with their steps
// and nothing else.
func (s *Stored) Steps() iter.Seq2[*Repository, error] {
	return s.walk(func(at *Section) bool { return at.Steps > 0 }, false)
}

// BlockedLines yields what cannot be carried out.
func (s *Stored) BlockedLines() iter.Seq2[*Blocked, error] {
	return func(yield func(*Blocked, error) bool) {
		lines := &cursor{open: s.open, kind: "blocked"}
		defer lines.close()
		for range s.Summary.Blocked {
			var line Blocked
			if err := lines.read(&line, nil); !yield(&line, err) || err != nil {
				return
			}
		}
	}
}

func (s *Stored) walk(wanted func(*Section) bool, whole bool) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		w := &walker{
			verdicts: cursor{open: s.open, kind: "verdict"}, steps: cursor{open: s.open, kind: "step"},
			blocked: cursor{open: s.open, kind: "blocked"},
		}
		defer w.close()
		for _, at := range s.sections {
			if !wanted(at) {
				continue
			}
			repo, err := w.repository(at, whole)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(repo, nil) {
				return
			}
		}
	}
}
