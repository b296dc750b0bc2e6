package app

import (
	"bufio"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/regkeep/regkeep/internal/plan"
)

// mostHeld is how many bytes of lines wait in memory: the steps of some six
// thousand images.
const mostHeld = 2 << 20

// spool is where the lines of a plan wait: in memory, and all of them in a packed
// file once they are more than mostHeld bytes.
type spool struct {
	path   string
	held   plan.Held
	file   *os.File // nil while held has everything
	packed *zstd.Encoder
}

func (s *spool) Write(lines []byte) (int, error) {
	if s.file == nil && s.held.Len()+len(lines) <= mostHeld {
		return s.held.Write(lines)
	}
	if s.file == nil {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	return s.packed.Write(lines)
}

// spill moves what is held into the file.
func (s *spool) spill() (err error) {
	if s.file, err = os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if s.packed, err = compressor(s.file); err != nil {
		return err
	}
	_, err = s.held.WriteTo(s.packed)
	s.held = plan.Held{}
	return err
}

// Reader gives what was written.
func (s *spool) Reader() (io.ReadCloser, error) {
	if s.file == nil {
		return s.held.Reader()
	}
	if err := s.packed.Close(); err != nil {
		return nil, err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return decompressor(bufio.NewReader(s.file))
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close() // it is taken away
	}
}
