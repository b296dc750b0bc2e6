package cli

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// terminal is the two outputs and the input of one command, and what they can
// show. Standard output carries the answer, standard error everything else.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	// outWidth is the number of columns of standard output, 0 where it is no
	// terminal and lines may have any length.
	outWidth int
	// errWidth is the same of standard error.
	errWidth int
	// live: standard error is a terminal that can redraw a line.
	live bool
	// asks: there is a person who can answer. The question goes to ask: to
	// standard error, or to the terminal itself where that is redirected.
	asks  bool
	ask   io.Writer
	paint palette // of standard output
	alarm palette // of standard error
}

func newTerminal(in, out, err *os.File, noColor bool, getenv func(string) string) *terminal {
	t := &terminal{in: in, out: out, err: err}
	outIs, errIs := term.IsTerminal(int(out.Fd())), term.IsTerminal(int(err.Fd()))
	dumb := getenv("TERM") == "dumb"
	t.live = errIs && !dumb
	t.asks, t.ask = term.IsTerminal(int(in.Fd())), err
	if t.asks && !errIs {
		t.ask = in
	}
	colour := !noColor && getenv("NO_COLOR") == "" && !dumb
	t.paint = palette(colour && outIs)
	t.alarm = palette(colour && errIs)
	if outIs {
		t.outWidth = columns(out, getenv)
	}
	if errIs {
		t.errWidth = columns(err, getenv)
	}
	return t
}

const usualWidth = 100

func columns(file *os.File, getenv func(string) string) int {
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(file.Fd())); err == nil && n > 0 {
		return n
	}
	return usualWidth
}

// palette colours text, or does not.
type palette bool

func (p palette) wrap(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string   { return p.wrap("1", s) }
func (p palette) faint(s string) string  { return p.wrap("2", s) }
func (p palette) red(s string) string    { return p.wrap("31", s) }
func (p palette) green(s string) string  { return p.wrap("32", s) }
func (p palette) yellow(s string) string { return p.wrap("33", s) }
func (p palette) cyan(s string) string   { return p.wrap("36", s) }
