package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"github.com/regkeep/regkeep/internal/plan"
)

// making is a plan on its way into the folder of plans: a folder of its own
// there, with the plan, what cannot be written yet, and a lock. Nothing of it
// has the name of a plan before it is whole.
type making struct {
	folder string
	lock   *flock.Flock
	text   *os.File
	packed *zstd.Encoder
	spool  spool
	tidy   sync.WaitGroup
}

// unfinished is how the folders of plans in the making begin.
const unfinished = ".unfinished-"

// make starts a plan file. close must be called, whatever comes of it.
func (a *App) make() (*making, error) {
	plans, err := a.plansFolder()
	if err != nil {
		return nil, err
	}
	m, err := makeIn(plans)
	if err != nil {
		return nil, fmt.Errorf("start to write the plan: %w", err)
	}
	m.tidy.Go(func() { a.forgetPlans(plans) })
	return m, nil
}

func makeIn(plans string) (*making, error) {
	if err := os.MkdirAll(plans, 0o700); err != nil {
		return nil, err
	}
	m := &making{}
	if err := m.claim(plans); err != nil {
		return nil, err
	}
	m.spool.path = filepath.Join(m.folder, "steps.zst")
	if err := m.open(); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// claim makes a folder and locks it. One that somebody takes away before it is
// locked, because it looks like what a killed process left, is made again.
func (m *making) claim(plans string) error {
	for range 10 {
		folder, err := os.MkdirTemp(plans, unfinished)
		if err != nil {
			return err
		}
		m.folder, m.lock = folder, flock.New(filepath.Join(folder, "lock"))
		locked, err := m.lock.TryLock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: cannot be locked: %w", folder, errors.Join(err, os.RemoveAll(folder)))
		}
		if _, err := os.Stat(m.lock.Path()); err == nil && locked {
			return nil
		}
		if err := errors.Join(m.lock.Unlock(), os.RemoveAll(folder)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: what is made there is taken away before it can be locked", plans)
}

func (m *making) open() (err error) {
	if m.text, err = os.OpenFile(filepath.Join(m.folder, "plan.zst"), os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	m.packed, err = compressor(m.text)
	return err
}

// output is where the builder writes.
func (m *making) output() plan.Output { return plan.Stream(m.packed, &m.spool) }

// keep puts the finished plan in its place and says how to read it there.
func (m *making) keep(id string) (plan.Opener, error) {
	path := filepath.Join(filepath.Dir(m.folder), id+keptPlan)
	err := m.packed.Close()
	if err == nil {
		err = m.text.Sync()
	}
	if err = errors.Join(err, m.text.Close()); err == nil {
		err = os.Rename(m.text.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the plan: %w", err)
	}
	return textOf(path), nil
}

// close takes away what is not kept.
func (m *making) close() error {
	m.tidy.Wait()
	if m.text != nil {
		_ = m.text.Close() // kept by now, or given up
	}
	m.spool.close()
	return errors.Join(m.lock.Unlock(), os.RemoveAll(m.folder))
}

// clearUnfinished takes away what processes left that were killed: whoever
// lives holds the lock. Who has just made a folder and not yet locked it makes
// another one.
func clearUnfinished(plans string, names []os.DirEntry) {
	for _, entry := range names {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), unfinished) {
			continue
		}
		folder := filepath.Join(plans, entry.Name())
		lock := flock.New(filepath.Join(folder, "lock"), flock.SetFlag(os.O_RDWR)) // makes none
		switch locked, err := lock.TryLock(); {
		case errors.Is(err, fs.ErrNotExist):
			_ = os.Remove(folder) // where it is empty
		case err == nil && locked:
			_ = os.RemoveAll(folder) // tried again next time
			_ = lock.Unlock()
		}
	}
}

// compressor packs plans with a memory of a few MiB, while the next lines are
// written. The fastest level packs them as small as the default one: what they
// consist of are digests, and text that comes again soon.
func compressor(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedFastest))
}

func decompressor(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
