package plan

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
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

// raw writes lines that are JSON already, with their ends.
func (w *Writer) raw(lines []byte) error {
	w.hash.Write(lines)
	_, err := w.out.Write(lines)
	return err
}

// End writes the summary with the hash of all lines before it, which it also
// sets in s.
func (w *Writer) End(s *Summary) error {
	s.Type, s.Hash = "summary", hex.EncodeToString(w.hash.Sum(nil))
	if err := w.enc.Encode(s); err != nil {
		return err
	}
	return w.out.Flush()
}
