package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/regkeep/regkeep/internal/oci"
)

// Reader reads a plan line by line. The hash is known to be right once Next
// has returned io.EOF and not before.
type Reader struct {
	in   *lineReader
	hash hash.Hash // nil where nobody reads to the end
	line int
	end  bool
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: newLineReader(r), hash: sha256.New()} }

// Next returns the next line: first *Header, then *Verdict, *Step, *Blocked and
// *Notice in any order, last *Summary, then io.EOF. Lines of other types are
// skipped, but belong to what the hash is over.
func (r *Reader) Next() (any, error) {
	for {
		kind, text, err := r.next()
		if err != nil {
			return nil, err
		}
		if line := lineOf(kind); line != nil {
			if err := r.decode(text, line); err != nil {
				return nil, err
			}
			return line, nil
		}
	}
}

// next returns the next line as it stands there, and its type. The text is
// good until the next call.
func (r *Reader) next() (kind string, text []byte, err error) {
	if text, err = r.read(); err != nil {
		return "", nil, err
	}
	r.line++
	kind = plainly(text)
	if kind == "" || r.line == 1 {
		if kind, err = r.head(text); err != nil {
			return "", nil, err
		}
	}
	switch {
	case r.line > 1 && kind == "plan":
		return "", nil, r.syntax(errors.New("a second plan begins here"))
	case kind == "summary":
		r.end = true
	case r.hash != nil:
		r.hash.Write(text)
	}
	return kind, text, nil
}

// head reads what says whether this program understands the line.
func (r *Reader) head(text []byte) (kind string, err error) {
	var head struct {
		Type    string `json:"type"`
		Version int    `json:"version"`
	}
	err = json.Unmarshal(text, &head)
	switch {
	case r.line == 1 && (err != nil || head.Type != "plan"):
		return "", fmt.Errorf("%w: it begins with %q", ErrNotPlan, clip(text))
	case r.line == 1 && head.Version != Version:
		return "", fmt.Errorf("%w: it has version %d, this program reads %d", ErrVersion, head.Version, Version)
	case err != nil:
		return "", r.syntax(err)
	}
	return head.Type, nil
}

func lineOf(kind string) any {
	switch kind {
	case "plan":
		return &Header{}
	case "verdict":
		return &Verdict{}
	case "step":
		return &Step{}
	case "blocked":
		return &Blocked{}
	case "gap", "warning", "refusal":
		return &Notice{}
	case "summary":
		return &Summary{}
	default:
		return nil
	}
}

// plainKinds are the types of the lines that this program writes in numbers.
var plainKinds = []string{"verdict", "step", "blocked"}

// plainly tells the type of a line that begins as this program writes it, ""
// where it takes a closer look.
func plainly(text []byte) string {
	rest, found := bytes.CutPrefix(text, []byte(`{"type":"`))
	for _, kind := range plainKinds {
		if found && len(rest) > len(kind)+1 && string(rest[:len(kind)]) == kind && rest[len(kind)] == '"' && rest[len(kind)+1] == ',' {
			return kind
		}
	}
	return ""
}

// read returns one line with its end.
func (r *Reader) read() ([]byte, error) {
	text, err := r.in.next()
	switch {
	case err == nil && r.end, errors.Is(err, io.ErrUnexpectedEOF) && r.end:
		return nil, fmt.Errorf("%w: there is more after the summary", ErrTampered)
	case err == nil:
		return text, nil
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrSyntax, r.line+1, mostLine)
	case errors.Is(err, io.EOF) && r.end:
		return nil, io.EOF
	case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && r.line == 0:
		return nil, fmt.Errorf("%w: it begins with %q", ErrNotPlan, clip(text))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it ends after line %d, before its summary", ErrTruncated, r.line)
	default:
		return nil, err
	}
}

// decode reads a line into what it is. One that says a thing twice is refused:
// another program might read the other one.
func (r *Reader) decode(text []byte, line any) error {
	if err := json.Unmarshal(text, line); err != nil {
		return r.syntax(err)
	}
	switch line := line.(type) {
	case *Step:
		if _, err := oci.ParseDigest(string(line.Digest)); err != nil {
			return r.syntax(err)
		}
	case *Summary:
		if got := hex.EncodeToString(r.hash.Sum(nil)); line.Hash != got {
			return fmt.Errorf("%w: its lines have hash %s, its summary says %q", ErrTampered, got, line.Hash)
		}
	}
	return nil
}

func (r *Reader) syntax(err error) error {
	return fmt.Errorf("%w: line %d: %w", ErrSyntax, r.line, err)
}
