package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"golang.org/x/sync/singleflight"

	"github.com/regkeep/regkeep/internal/oci"
)

// Names inside an OCI image layout (image-spec image-layout.md). The journal
// of entries is our own: it makes every Keep durable without writing the whole
// index again; the index is written from it now and then, and by Close.
const (
	layoutFile  = "oci-layout"
	layoutBody  = `{"imageLayoutVersion":"1.0.0"}`
	indexFile   = "index.json"
	entriesFile = "regkeep-entries.jsonl"
	lockFile    = "regkeep.lock"
)

// Layout is an OCI image layout in a directory: manifests with everything
// below them, each blob once.
type Layout struct {
	dir    string
	lock   *flock.Flock       // nil: only read
	flight singleflight.Group // one download of a blob at a time

	mu sync.Mutex
	catalogue
	journal *os.File // nil: only read
}

// OpenLayout opens a layout to keep in, or makes one in a directory that is
// empty or not there. A directory with something else in it is refused, and so
// is one that another process keeps in.
func OpenLayout(dir string) (*Layout, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	l := &Layout{dir: dir, catalogue: newCatalogue()}
	if _, err := os.Stat(l.path(layoutFile)); errors.Is(err, fs.ErrNotExist) {
		if err := l.empty(); err != nil {
			return nil, fmt.Errorf("archive %s: %w", dir, err)
		}
	}
	lock, err := hold(l.path(lockFile))
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	l.lock = lock
	if err := l.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("archive %s: %w", dir, err), lock.Close())
	}
	return l, nil
}

// ReadLayout opens a layout to read from. It changes nothing in it.
func ReadLayout(dir string) (*Layout, error) {
	l := &Layout{dir: dir, catalogue: newCatalogue()}
	if _, err := os.Stat(l.path(layoutFile)); err != nil {
		return nil, fmt.Errorf("archive %s is no OCI image layout: %w", dir, err)
	}
	journal, err := os.Open(l.path(entriesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		_, err = l.load(journal)
		err = errors.Join(err, journal.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	return l, nil
}

// hold takes the lock of an archive for this process.
func hold(path string) (*flock.Flock, error) {
	lock := flock.New(path)
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, err
	case !held:
		return nil, errors.New("another regkeep is writing to it; wait until it is done, or name another archive")
	}
	return lock, nil
}

// empty looks whether a directory without a layout may become one. What a
// crash left of the first moments is ours.
func (l *Layout) empty() error {
	inside, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, entry := range inside {
		if name := entry.Name(); name != lockFile && name != indexFile && !strings.HasPrefix(name, incoming) {
			return errors.New("the directory is not empty and no OCI image layout. Name another one")
		}
	}
	return nil
}

// begin makes the layout where there is none, and reads what is there.
func (l *Layout) begin() error {
	if _, err := os.Stat(l.path(layoutFile)); errors.Is(err, fs.ErrNotExist) {
		body, err := l.index()
		if err != nil {
			return err
		}
		if err := errors.Join(writeFile(l.path(indexFile), body), writeFile(l.path(layoutFile), []byte(layoutBody))); err != nil {
			return err
		}
	}
	l.sweep()
	index, err := os.ReadFile(l.path(indexFile))
	if err != nil {
		return err
	}
	if err := l.adopt(index); err != nil {
		return err
	}
	journal, err := os.OpenFile(l.path(entriesFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	whole, err := l.load(journal)
	if err == nil {
		err = journal.Truncate(whole)
	}
	if err == nil {
		_, err = journal.Seek(whole, io.SeekStart)
	}
	if err == nil && len(l.records) > 0 {
		err = l.writeIndex() // a process that was killed did not
	}
	if err != nil {
		return errors.Join(err, journal.Close())
	}
	l.journal = journal
	return nil
}

// sweep takes away what a process that was killed had not finished. What cannot
// be taken away is only in the way of nobody.
func (l *Layout) sweep() {
	for _, pattern := range []string{l.path(incoming + "*"), l.path("blobs", "*", incoming+"*")} {
		left, _ := filepath.Glob(pattern) // the patterns are right
		for _, file := range left {
			_ = os.Remove(file)
		}
	}
}

func (l *Layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

func (l *Layout) blobPath(digest oci.Digest) string {
	return l.path("blobs", digest.Algorithm(), digest.Hex())
}

// load reads the records and says where they end. A last line that was cut off
// by a crash was never reported as kept.
func (l *Layout) load(journal io.Reader) (whole int64, err error) {
	reader := bufio.NewReader(journal)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return whole, fmt.Errorf("%s, byte %d: %w", entriesFile, whole, err)
		}
		whole += int64(len(line))
		l.add(r)
	}
}

// Keep copies a manifest with everything below it.
func (l *Layout) Keep(ctx context.Context, entry Entry, source Source) error {
	if err := l.keep(ctx, entry, source); err != nil {
		return fmt.Errorf("archive %s: %s/%s@%s: %w", l.dir, entry.Registry, entry.Repository, entry.Manifest.Digest, err)
	}
	return nil
}

func (l *Layout) keep(ctx context.Context, entry Entry, source Source) error {
	if err := entry.Manifest.Digest.Verify(entry.Manifest.Body); err != nil {
		return err
	}
	r := recordOf(entry)
	if l.kept(r.key()) {
		return nil
	}
	c := &copier{sink: l, source: source, repository: entry.Repository}
	if err := c.manifest(ctx, entry.Manifest); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[r.key()] {
		return nil
	}
	if err := l.append(append(line, '\n')); err != nil {
		return err
	}
	l.add(r)
	if l.due(4) {
		return l.writeIndex()
	}
	return nil
}

// append writes a line of the journal: whole, or it takes back what it wrote.
func (l *Layout) append(line []byte) error {
	at, err := l.journal.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err = l.journal.Write(line); err == nil {
		err = l.journal.Sync()
	}
	if err != nil {
		_, back := l.journal.Seek(at, io.SeekStart)
		return errors.Join(err, l.journal.Truncate(at), back)
	}
	return nil
}

func (l *Layout) kept(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[key]
}

// has implements sink.
func (l *Layout) has(_ context.Context, d oci.Descriptor) (bool, error) {
	_, err := os.Stat(l.blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// put implements sink.
func (l *Layout) put(_ context.Context, d oci.Descriptor, content io.Reader) error {
	_, err, _ := l.flight.Do(string(d.Digest), func() (any, error) {
		place := l.blobPath(d.Digest)
		if _, err := os.Stat(place); err == nil {
			return nil, nil // somebody else was faster
		}
		if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
			return nil, err
		}
		return nil, writeWhole(place, func(w io.Writer) error { _, err := copyVerified(w, d.Digest, content); return err })
	})
	return err
}

// writeIndex writes the index for other tools.
func (l *Layout) writeIndex() error {
	body, err := l.index()
	if err != nil {
		return err
	}
	if err := writeFile(l.path(indexFile), body); err != nil {
		return err
	}
	l.indexed = len(l.records)
	return nil
}

// Manifest gives back a manifest that was kept, by itself or below another one.
func (l *Layout) Manifest(_ context.Context, digest oci.Digest) (oci.RawManifest, error) {
	l.mu.Lock()
	mediaType := l.types[digest]
	l.mu.Unlock()
	body, err := os.ReadFile(l.blobPath(digest))
	return rawManifest(l.dir, digest, mediaType, body, err)
}

// rawManifest is a manifest as it was read from an archive.
func rawManifest(where string, digest oci.Digest, mediaType string, body []byte, err error) (oci.RawManifest, error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotKept) {
		return oci.RawManifest{}, ErrNotKept
	}
	if err != nil {
		return oci.RawManifest{}, fmt.Errorf("archive %s: %w", where, err)
	}
	if err := digest.Verify(body); err != nil {
		return oci.RawManifest{}, fmt.Errorf("archive %s is damaged: %w", where, err)
	}
	if mediaType == "" {
		told, ok := typeOf(body)
		if !ok {
			return oci.RawManifest{}, ErrNotKept
		}
		mediaType = told
	}
	return oci.RawManifest{MediaType: mediaType, Digest: digest, Body: body}, nil
}

// Blob opens a blob.
func (l *Layout) Blob(_ context.Context, digest oci.Digest) (io.ReadCloser, int64, error) {
	file, err := os.Open(l.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNotKept
	}
	if err != nil {
		return nil, 0, fmt.Errorf("archive %s: %w", l.dir, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// Entries lists what was kept.
func (l *Layout) Entries(ctx context.Context, run string) iter.Seq2[Entry, error] {
	l.mu.Lock()
	records := l.of(run)
	l.mu.Unlock()
	return entriesOf(ctx, records, l)
}

func entriesOf(ctx context.Context, records []record, from Manifests) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, r := range records {
			raw, err := from.Manifest(ctx, r.Digest)
			if errors.Is(err, ErrNotKept) {
				err = fmt.Errorf("manifest %s of run %s, step %d: %w", r.Digest, r.Run, r.Seq, err)
			}
			if !yield(r.entry(raw), err) || err != nil {
				return
			}
		}
	}
}

// Close writes the index, and lets others write.
func (l *Layout) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal == nil {
		return nil
	}
	var err error
	if l.indexed < len(l.records) {
		err = l.writeIndex()
	}
	if err := errors.Join(err, l.journal.Close(), l.lock.Close()); err != nil {
		return fmt.Errorf("archive %s: %w", l.dir, err)
	}
	return nil
}
