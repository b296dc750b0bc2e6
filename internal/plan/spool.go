package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Spool keeps what of a plan cannot be written yet.
type Spool interface {
	io.Writer
	// Reader gives what was written, from its beginning. It is called after the
	// last Write, at most twice; the first reader is closed by then.
	Reader() (io.ReadCloser, error)
}

// Held is a spool in memory.
type Held struct{ bytes.Buffer }

// Reader gives what was written.
func (h *Held) Reader() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(h.Bytes())), nil
}

// Stream is the output for plans that are written to w while they are made.
// What has to wait lies in the spool until then, as lines of JSON.
func Stream(w io.Writer, spool Spool) Output {
	s := &stream{out: NewWriter(w), spool: spool, waiting: bufio.NewWriterSize(spool, 1<<16)}
	s.held = json.NewEncoder(s.waiting)
	s.held.SetEscapeHTML(false)
	return s
}

type stream struct {
	out     *Writer
	spool   Spool
	waiting *bufio.Writer
	held    *json.Encoder
}

func (s *stream) begin(h *Header) error  { return s.out.Line(h) }
func (s *stream) notice(n *Notice) error { return s.out.Line(n) }
func (s *stream) end(sum *Summary) error { return s.out.End(sum) }

func (s *stream) verdicts(n int, line func(int) Verdict) error {
	return inChunks(n, func(i int) any { v := line(i); return &v }, s.out.raw)
}

func (s *stream) hold(steps []Step, blocked []Blocked) error {
	for i := range steps {
		steps[i].Seq = 0 // see numbered
		if err := s.held.Encode(&steps[i]); err != nil {
			return err
		}
	}
	return lines(s.held.Encode, blocked)
}

// unnumbered is how the line of a step begins that has no place yet.
var unnumbered = []byte(`{"type":"step","seq":0,`)

func (s *stream) release(sections []*Section, goes func(string) bool) error {
	if err := s.waiting.Flush(); err != nil {
		return err
	}
	seq, blocked := 0, 0
	err := s.replay(func(held *lineReader) error {
		for _, at := range sections {
			blocked += at.Blocked
			write := goes(at.Registry)
			if err := s.steps(held, at, write, &seq); err != nil {
				return err
			}
			if !write {
				at.dropSteps()
			}
			for range at.Blocked {
				if _, err := held.next(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil || blocked == 0 {
		return err
	}
	return s.replay(func(held *lineReader) error {
		for {
			line, err := held.next()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			case bytes.HasPrefix(line, unnumbered):
				continue
			}
			if err := s.out.raw(line); err != nil {
				return err
			}
		}
	})
}

// steps numbers the steps of one repository and writes them, or leaves them
// out.
func (s *stream) steps(held *lineReader, at *Section, write bool, seq *int) error {
	sum := sha256.New()
	var numbered []byte
	for range at.Steps {
		line, err := held.next()
		if err != nil {
			return err
		}
		if !write {
			continue
		}
		*seq++
		rest, found := bytes.CutPrefix(line, unnumbered)
		if !found {
			return fmt.Errorf("%w: where a step was held there is %q", ErrTampered, clip(line))
		}
		numbered = append(numbered[:0], unnumbered[:len(unnumbered)-2]...)
		numbered = append(append(strconv.AppendInt(numbered, int64(*seq), 10), ','), rest...)
		sum.Write(numbered)
		if err := s.out.raw(numbered); err != nil {
			return err
		}
	}
	if at.Steps > 0 && write {
		copy(at.sum[:], sum.Sum(nil))
	}
	return nil
}

// replay reads what was held from its beginning.
func (s *stream) replay(read func(*lineReader) error) error {
	held, err := s.spool.Reader()
	if err != nil {
		return err
	}
	return errors.Join(read(newLineReader(held)), held.Close())
}
