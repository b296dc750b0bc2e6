package plan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// walker reads the lines of one repository after the other. Each kind of line
// has a cursor of its own, because the kinds do not lie together.
type walker struct{ verdicts, steps, blocked cursor }

func (w *walker) close() {
	w.verdicts.close()
	w.steps.close()
	w.blocked.close()
}

// repository reads the lines of the next one; only its steps unless whole.
func (w *walker) repository(at *Section, whole bool) (*Repository, error) {
	repo := &Repository{Section: at}
	var err error
	if whole {
		if repo.Verdicts, err = take[Verdict](&w.verdicts, at.Keep+at.Remove+at.Hold, nil); err != nil {
			return nil, err
		}
		if repo.Blocked, err = take[Blocked](&w.blocked, at.Blocked, nil); err != nil {
			return nil, err
		}
	}
	sum := sha256.New()
	if repo.Steps, err = take[Step](&w.steps, at.Steps, sum); err != nil {
		return nil, err
	}
	if at.Steps > 0 && [stepSum]byte(sum.Sum(nil)[:stepSum]) != at.sum {
		return nil, fmt.Errorf("%w: the steps in %s/%s are others than when it was opened", ErrTampered, at.Registry, at.Repository)
	}
	return repo, nil
}

func take[T any](from *cursor, n int, sum hash.Hash) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	lines := make([]T, n)
	for i := range lines {
		if err := from.read(&lines[i], sum); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// cursor reads the lines of one kind and passes over the others. It opens the
// plan when the first is asked for.
type cursor struct {
	open Opener
	kind string
	text io.ReadCloser
	in   *Reader
}

func (c *cursor) close() {
	if c.text != nil {
		_ = c.text.Close() // it was only read
	}
}

// read reads the next line, and adds it to sum unless that is nil.
func (c *cursor) read(line any, sum hash.Hash) error {
	if c.in == nil {
		text, err := c.open()
		if err != nil {
			return err
		}
		c.text, c.in = text, &Reader{in: newLineReader(text)}
	}
	for {
		kind, text, err := c.in.next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: it had more lines of type %s when it was opened", ErrTampered, c.kind)
		case err != nil:
			return err
		case kind != c.kind:
			continue
		}
		if sum != nil {
			sum.Write(text)
		}
		return c.in.decode(text, line)
	}
}
