package plan

import (
	"bufio"
	"errors"
	"io"
)

// mostLine bounds one line: a reader must not be made to hold a whole file as
// one.
const mostLine = 64 << 20

// lineReader reads lines of any length up to mostLine.
type lineReader struct {
	in  *bufio.Reader
	buf []byte
}

func newLineReader(r io.Reader) *lineReader { return &lineReader{in: bufio.NewReaderSize(r, 1<<16)} }

// next returns one line with its end, good until the next call; then io.EOF.
// A last line without an end comes with io.ErrUnexpectedEOF, the beginning of
// one that is too long with bufio.ErrTooLong.
func (l *lineReader) next() ([]byte, error) {
	piece, err := l.in.ReadSlice('\n')
	if err == nil {
		return piece, nil
	}
	l.buf = append(l.buf[:0], piece...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.buf) > mostLine {
			return l.buf, bufio.ErrTooLong
		}
		piece, err = l.in.ReadSlice('\n')
		l.buf = append(l.buf, piece...)
	}
	if errors.Is(err, io.EOF) && len(l.buf) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return l.buf, err
}
