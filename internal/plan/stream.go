package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/regkeep/regkeep/internal/oci"
)

// Writer writes a plan line by line: its header, other lines in any number,
// its summary.
type Writer struct {
	out  *bufio.Writer
	hash hash.Hash
	enc  *json.Encoder
}

// NewWriter writes to w, buffered until End.
func NewWriter(w io.Writer) *Writer {
	out := &Writer{out: bufio.NewWriterSize(w, 1<<16), hash: sha256.New()}
	out.enc = json.NewEncoder(io.MultiWriter(out.hash, out.out))
	out.enc.SetEscapeHTML(false)
	return out
}

// Line writes one line; the first is the *Header.
func (w *Writer) Line(line any) error { return w.enc.Encode(line) }

// End writes the summary with the hash of all lines before it, which it also
// sets in s.
func (w *Writer) End(s *Summary) error {
	s.Type, s.Hash = "summary", hex.EncodeToString(w.hash.Sum(nil))
	if err := w.enc.Encode(s); err != nil {
		return err
	}
	return w.out.Flush()
}

// mostLine bounds one line: a reader must not be made to hold a whole file as
// one.
const mostLine = 64 << 20

// Reader reads a plan line by line. The hash is known to be right once Next
// has returned io.EOF and not before.
type Reader struct {
	in   *bufio.Reader
	hash hash.Hash
	line int
	end  bool
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 1<<16), hash: sha256.New()}
}

// Next returns the next line: first *Header, then *Verdict, *Step, *Blocked and
// *Notice in any order, last *Summary, then io.EOF. Lines of other types are
// skipped, but belong to what the hash is over.
func (r *Reader) Next() (any, error) {
	for {
		text, err := r.read()
		if err != nil {
			return nil, err
		}
		var head struct {
			Type    string `json:"type"`
			Version int    `json:"version"`
		}
		r.line++
		err = json.Unmarshal(text, &head)
		switch {
		case r.line == 1 && (err != nil || head.Type != "plan"):
			return nil, fmt.Errorf("%w: it begins with %q", ErrNotPlan, clip(text))
		case r.line == 1 && head.Version != Version:
			return nil, fmt.Errorf("%w: it has version %d, this program reads %d", ErrVersion, head.Version, Version)
		case err != nil:
			return nil, r.syntax(err)
		case r.line > 1 && head.Type == "plan":
			return nil, r.syntax(errors.New("a second plan begins here"))
		case head.Type == "summary":
			return r.summary(text)
		}
		r.hash.Write(text)
		if line := lineOf(head.Type); line != nil {
			return r.decode(text, line)
		}
	}
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
	default:
		return nil
	}
}

// read returns one line with its end.
func (r *Reader) read() ([]byte, error) {
	var text []byte
	for {
		piece, err := r.in.ReadSlice('\n')
		text = append(text, piece...)
		switch {
		case err == nil && r.end:
			return nil, fmt.Errorf("%w: there is more after the summary", ErrTampered)
		case err == nil:
			return text, nil
		case errors.Is(err, bufio.ErrBufferFull) && len(text) <= mostLine:
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrSyntax, r.line+1, mostLine)
		case errors.Is(err, io.EOF) && r.end && len(text) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF) && r.end:
			return nil, fmt.Errorf("%w: there is more after the summary", ErrTampered)
		case errors.Is(err, io.EOF) && r.line == 0:
			return nil, fmt.Errorf("%w: it begins with %q", ErrNotPlan, clip(text))
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends after line %d, before its summary", ErrTruncated, r.line)
		default:
			return nil, err
		}
	}
}

func (r *Reader) decode(text []byte, line any) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(line); err != nil {
		return nil, r.syntax(err)
	}
	if step, ok := line.(*Step); ok {
		if _, err := oci.ParseDigest(string(step.Digest)); err != nil {
			return nil, r.syntax(err)
		}
	}
	return line, nil
}

func (r *Reader) summary(text []byte) (any, error) {
	line, err := r.decode(text, &Summary{})
	if err != nil {
		return nil, err
	}
	s := line.(*Summary)
	if got := hex.EncodeToString(r.hash.Sum(nil)); s.Hash != got {
		return nil, fmt.Errorf("%w: its lines have hash %s, its summary says %q", ErrTampered, got, s.Hash)
	}
	r.end = true
	return s, nil
}

func (r *Reader) syntax(err error) error {
	return fmt.Errorf("%w: line %d: %w", ErrSyntax, r.line, err)
}
