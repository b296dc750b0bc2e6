package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Kinds of trouble with a state file.
var (
	ErrLocked   = errors.New("locked by another process")
	ErrDamaged  = errors.New("damaged")
	ErrNewer    = errors.New("written by a newer regkeep")
	ErrForeign  = errors.New("not a regkeep state file")
	ErrFull     = errors.New("no space left on the disk")
	ErrUnusable = errors.New("cannot be used")
	// ErrNoRun means that no run has this ID.
	ErrNoRun = errors.New("no such run")
)

// Error is what is wrong with a state file.
type Error struct {
	Path string
	Kind error
	Err  error
}

// Unwrap lets errors.Is see the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

func (e *Error) Error() string {
	text := fmt.Sprintf("state file %s: %v", e.Path, e.Kind)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ". " + advice[e.Kind]
}

var advice = map[error]string{
	ErrLocked:   "Wait for the other regkeep, or name another file with --state",
	ErrDamaged:  "Move it (and its -wal file) away and keep it: saved plans and archives work without it, a new one is made on the next run",
	ErrNewer:    "Use that regkeep, or name another file with --state",
	ErrForeign:  "Name another file with --state",
	ErrFull:     "Free some space; nothing is deleted from a registry that cannot be written down first",
	ErrUnusable: "Check the path and its permissions, or name another file with --state",
}

// translate gives SQLite's errors their kind, and errors about the content of
// the file its path. Others, such as a cancelled context, pass as they are.
func translate(path string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	var lite *sqlite.Error
	if errors.As(err, &known) {
		known.Path = path
		return err
	}
	if !errors.As(err, &lite) {
		return err
	}
	kind := ErrUnusable
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		kind = ErrLocked
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		kind = ErrDamaged
	case sqlite3.SQLITE_FULL:
		kind = ErrFull
	}
	if lite.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // how a full disk shows first, where the log is shared
		kind = ErrFull
	}
	return &Error{Path: path, Kind: kind, Err: err}
}

// inspect looks at the file's header before SQLite does: SQLite takes an empty
// file for a new database, and finds out late that one was cut off.
// Offsets are those of https://www.sqlite.org/fileformat2.html, section 1.3.
func inspect(path string) error {
	damaged := func(format string, args ...any) error {
		return &Error{Path: path, Kind: ErrDamaged, Err: fmt.Errorf(format, args...)}
	}
	file, err := os.Open(path)
	if err != nil {
		return &Error{Path: path, Kind: ErrUnusable, Err: err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return &Error{Path: path, Kind: ErrUnusable, Err: err}
	}
	var header [100]byte
	switch n, err := io.ReadFull(file, header[:]); {
	case n == 0 && info.Mode().IsRegular():
		return damaged("it is empty")
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Path: path, Kind: ErrUnusable, Err: err}
	case !bytes.HasPrefix(header[:], []byte("SQLite format 3\x00")):
		return &Error{Path: path, Kind: ErrForeign}
	case err != nil:
		return damaged("it is cut off after %d bytes", n)
	}
	size := int64(binary.BigEndian.Uint16(header[16:]))
	if size == 1 {
		size = 65536
	}
	want := size * int64(binary.BigEndian.Uint32(header[28:]))
	// Pages that are missing here may still be in the write-ahead log.
	if wal, err := os.Stat(path + "-wal"); info.Size() < want && (err != nil || wal.Size() == 0) {
		return damaged("it is cut off: %d of %d bytes", info.Size(), want)
	}
	return nil
}
