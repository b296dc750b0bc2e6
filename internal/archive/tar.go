package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"github.com/regkeep/regkeep/internal/oci"
)

// Tar is an OCI image layout in one tar file that grows: blobs, then the record
// of the entry they belong to, and now and then the index anew. Names repeat,
// and the last file of a name is the one that counts, as everywhere in tar.
// What was written once is never written again, so a crash leaves at most a
// tail that belongs to no record; the next process cuts it off as far as it is
// not whole.
type Tar struct {
	path string
	lock *flock.Flock // nil: only read

	mu sync.Mutex // one file, one writer
	catalogue
	file  *os.File
	end   int64 // of what is whole
	blobs map[oci.Digest]span
	names map[string]bool // of other files that are there
	// broken: a write failed and could not be taken back.
	broken error
}

// span is where content lies in the file.
type span struct{ at, size int64 }

// OpenTar opens a tar file to keep in, or makes one. A file that is something
// else is refused, and so is one that another process keeps in.
func OpenTar(path string) (*Tar, error) {
	t, err := openTar(path, true)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", path, err)
	}
	return t, nil
}

// ReadTar opens a tar file to read from. It changes nothing in it.
func ReadTar(path string) (*Tar, error) {
	t, err := openTar(path, false)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", path, err)
	}
	return t, nil
}

func openTar(path string, write bool) (_ *Tar, err error) {
	t := &Tar{path: path, catalogue: newCatalogue(), blobs: map[oci.Digest]span{}, names: map[string]bool{}}
	flags := os.O_RDONLY
	if write {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if t.lock, err = hold(path + ".lock"); err != nil {
			return nil, err
		}
		flags = os.O_RDWR | os.O_CREATE
	}
	if t.file, err = os.OpenFile(path, flags, 0o600); err != nil {
		return nil, errors.Join(err, t.unlock())
	}
	if err := t.scan(); err != nil {
		return nil, errors.Join(err, t.file.Close(), t.unlock())
	}
	if write {
		if err := t.resume(); err != nil {
			return nil, errors.Join(err, t.file.Close(), t.unlock())
		}
	}
	return t, nil
}

func (t *Tar) unlock() error {
	if t.lock == nil {
		return nil
	}
	return t.lock.Close()
}

// resume cuts off what a crash left unfinished, and brings the index up to
// date.
func (t *Tar) resume() error {
	if err := t.file.Truncate(t.end); err != nil {
		return err
	}
	if !t.names[layoutFile] {
		if err := t.write(layoutFile, []byte(layoutBody)); err != nil {
			return err
		}
		if err := errors.Join(t.writeIndex(), syncDirectory(filepath.Dir(t.path))); err != nil {
			return err
		}
	}
	if t.indexed < len(t.records) {
		return t.writeIndex()
	}
	return nil
}

// Keep copies a manifest with everything below it.
func (t *Tar) Keep(ctx context.Context, entry Entry, source Source) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.keep(ctx, entry, source); err != nil {
		return fmt.Errorf("archive %s: %s/%s@%s: %w", t.path, entry.Registry, entry.Repository, entry.Manifest.Digest, err)
	}
	return nil
}

func (t *Tar) keep(ctx context.Context, entry Entry, source Source) error {
	if t.broken != nil {
		return t.broken
	}
	if err := entry.Manifest.Digest.Verify(entry.Manifest.Body); err != nil {
		return err
	}
	r := recordOf(entry)
	if t.keys[r.key()] {
		return nil
	}
	c := &copier{sink: t, source: source, repository: entry.Repository}
	if err := c.manifest(ctx, entry.Manifest); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// The content is on disk before the record that vouches for it.
	if err := t.file.Sync(); err != nil {
		return err
	}
	if err := t.write(recordName(&r), line); err != nil {
		return err
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	t.add(r)
	if t.due(1) {
		return t.writeIndex()
	}
	return nil
}

// has implements sink.
func (t *Tar) has(_ context.Context, d oci.Descriptor) (bool, error) {
	_, there := t.blobs[d.Digest]
	return there, nil
}

// put implements sink.
func (t *Tar) put(_ context.Context, d oci.Descriptor, content io.Reader) error {
	at, err := t.appendFile(blobName(d.Digest), d.Size, func(w io.Writer) error {
		n, err := copyVerified(w, d.Digest, content)
		if err == nil && n != d.Size {
			err = fmt.Errorf("it has %d bytes, expected %d", n, d.Size)
		}
		return err
	})
	if err == nil {
		t.blobs[d.Digest] = span{at, d.Size}
	}
	return err
}

func (t *Tar) write(name string, body []byte) error {
	_, err := t.appendFile(name, int64(len(body)), func(w io.Writer) error { _, err := w.Write(body); return err })
	if err == nil {
		t.names[name] = true
	}
	return err
}

// writeIndex writes the index anew, after all that it lists.
func (t *Tar) writeIndex() error {
	body, err := t.index()
	if err != nil {
		return err
	}
	if err := t.write(indexFile, body); err != nil {
		return err
	}
	t.indexed = len(t.records)
	return t.file.Sync()
}

// Manifest gives back a manifest that was kept, by itself or below another one.
func (t *Tar) Manifest(_ context.Context, digest oci.Digest) (oci.RawManifest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	where, there := t.blobs[digest]
	if !there {
		return oci.RawManifest{}, ErrNotKept
	}
	body, err := t.read(where)
	return rawManifest(t.path, digest, t.types[digest], body, err)
}

func (t *Tar) read(where span) ([]byte, error) {
	body := make([]byte, where.size)
	_, err := io.ReadFull(io.NewSectionReader(t.file, where.at, where.size), body)
	return body, err
}

// Blob opens a blob. It can be read from as long as the archive is open.
func (t *Tar) Blob(_ context.Context, digest oci.Digest) (io.ReadCloser, int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	where, there := t.blobs[digest]
	if !there {
		return nil, 0, ErrNotKept
	}
	return section{io.NewSectionReader(t.file, where.at, where.size)}, where.size, nil
}

type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// Entries lists what was kept.
func (t *Tar) Entries(ctx context.Context, run string) iter.Seq2[Entry, error] {
	t.mu.Lock()
	records := t.of(run)
	t.mu.Unlock()
	return entriesOf(ctx, records, t)
}

// Close writes the index and the end, and lets others write.
func (t *Tar) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.lock != nil && t.broken == nil {
		if t.indexed < len(t.records) {
			err = t.writeIndex()
		}
		if err == nil {
			err = t.finish()
		}
	}
	if err = errors.Join(err, t.file.Close(), t.unlock()); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("archive %s: %w", t.path, err)
	}
	return nil
}
