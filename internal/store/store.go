// Package store keeps regkeep's state in one SQLite file: the journal of runs
// with their plans, the archive of manifests, what was learned about
// repositories, what was first seen when, and a cache of contents.
//
// It promises that a write that has returned is on disk, and that a file that
// cannot be used is an error, never a fresh start. It decides nothing. Losing
// the file costs no safety: saved plans and archives stand on their own.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as regkeep's ("rgkp"), SQLite's
// PRAGMA application_id.
const applicationID = 0x72676b70

// Store is an open state file. It is safe for concurrent use, also by several
// processes.
type Store struct {
	path  string
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB
	cache cacheBound

	prepared statements
	writers  writers
}

// Open opens the state file, creating it (and its directory) only where there
// is none, and brings an older one up to date.
func Open(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	// Only the opening itself is serialised, so that two processes do not
	// create or migrate the same file.
	gate := flock.New(path + ".open")
	waiting, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	if locked, err := gate.TryLockContext(waiting, 20*time.Millisecond); err != nil || !locked {
		return nil, &Error{Path: path, Kind: ErrLocked, Err: err}
	}
	defer gate.Unlock()

	// Bringing a large file up to date takes as long as it takes.
	ctx := context.Background()
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(ctx, path); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, &Error{Path: path, Kind: ErrUnusable, Err: err}
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	s, err := connect(path, "FULL")
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// create makes the file beside its place and moves it there whole: a crash in
// between leaves no half of a state file behind.
func create(ctx context.Context, path string) error {
	temporary := fmt.Sprintf("%s.new-%d", path, os.Getpid())
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			os.Remove(temporary + suffix)
		}
	}()
	// Nothing depends on it before it is in its place, so it is synced once.
	s, err := connect(temporary, "OFF")
	if err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return errors.Join(translate(path, err), s.Close())
	}
	// Closing would move the log into the file too, and say nothing where the
	// disk is too full for it.
	if err := errors.Join(s.migrate(ctx), s.exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"), s.Close(), inspect(temporary)); err != nil {
		return translate(path, err)
	}
	if err := syncFile(temporary); err != nil {
		return &Error{Path: path, Kind: ErrUnusable, Err: err}
	}
	// A link never replaces a file that appeared meanwhile.
	if err := os.Link(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temporary, path); err != nil {
			return &Error{Path: path, Kind: ErrUnusable, Err: err}
		}
	}
	return syncDirectory(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a directory; the file itself is synced.
	_ = d.Sync()
	return d.Close()
}

const (
	busyTimeout = 10 * time.Second
	readers     = 4
)

// connect opens the file; synchronous is SQLite's setting of that name.
func connect(path, synchronous string) (*Store, error) {
	options := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(" + synchronous + ")", "foreign_keys(1)",
	}}
	options.Set("_txlock", "immediate")
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options.Encode()}).String()
	s := &Store{path: path, cache: cacheBound{most: defaultCache}}
	var err error
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return nil, translate(path, err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn); err != nil {
		return nil, translate(path, errors.Join(err, s.write.Close()))
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers) // by itself it would close two of them after each read
	return s, nil
}

// migrate refuses a file that a newer regkeep wrote or that is another
// program's, and brings an older one up to date.
func (s *Store) migrate(ctx context.Context) error {
	var id int64
	if err := s.write.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return translate(s.path, err)
	}
	if id != applicationID {
		return &Error{Path: s.path, Kind: ErrForeign}
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return translate(s.path, err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return translate(s.path, err)
	}
	if current > target {
		return &Error{Path: s.path, Kind: ErrNewer, Err: fmt.Errorf("it has version %d, this regkeep knows %d", current, target)}
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return translate(s.path, err)
	}
	return nil
}

// Path is where the state lies.
func (s *Store) Path() string { return s.path }

// Close closes the file.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// update runs f in one durable transaction.
func (s *Store) update(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return translate(s.path, err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return translate(s.path, err)
	}
	return translate(s.path, tx.Commit())
}

// exec is an update of one statement.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.write.ExecContext(ctx, query, args...)
	return translate(s.path, err)
}

// micros and fromMicros carry times; zero stays zero.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
