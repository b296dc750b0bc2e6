package archive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Names inside an OCI image layout (image-spec image-layout.md). The journal
// of entries is our own: it makes every Keep durable without writing the whole
// index again; the index is written from it by Close.
const (
	layoutFile  = "oci-layout"
	layoutBody  = `{"imageLayoutVersion":"1.0.0"}`
	indexFile   = "index.json"
	entriesFile = "regkeep-entries.jsonl"
)

// Layout is an OCI image layout in a directory: manifests with everything
// below them, each blob once. Other tools open it once it is closed.
type Layout struct {
	dir string

	mu      sync.Mutex
	entries []record
	journal *os.File
	types   map[oci.Digest]string // media types of kept manifests
}

// record is an Entry without bytes.
type record struct {
	Run        string     `json:"run"`
	Seq        int        `json:"seq"`
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Digest     oci.Digest `json:"digest"`
	MediaType  string     `json:"media_type"`
	Size       int64      `json:"size"`
	Tags       []string   `json:"tags,omitempty"`
	At         time.Time  `json:"at"`
}

// OpenLayout opens a layout, or makes one in a directory that is empty or not
// there. A directory with something else in it is refused.
func OpenLayout(dir string) (*Layout, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	l := &Layout{dir: dir, types: map[oci.Digest]string{}}
	if _, err := os.Stat(l.path(layoutFile)); errors.Is(err, fs.ErrNotExist) {
		inside, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("archive %s: %w", dir, err)
		}
		if len(inside) > 0 {
			return nil, fmt.Errorf("archive %s: the directory is not empty and no OCI image layout. Name another one", dir)
		}
		if err := writeFile(l.path(indexFile), []byte(`{"schemaVersion":2,"manifests":[]}`)); err != nil {
			return nil, fmt.Errorf("archive %s: %w", dir, err)
		}
		if err := writeFile(l.path(layoutFile), []byte(layoutBody)); err != nil {
			return nil, fmt.Errorf("archive %s: %w", dir, err)
		}
	}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	return l, nil
}

func (l *Layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

func (l *Layout) blobPath(digest oci.Digest) string {
	return l.path("blobs", digest.Algorithm(), digest.Hex())
}

// load reads the entries. A last line that was cut off by a crash was never
// reported as kept, and is cut away.
func (l *Layout) load() error {
	journal, err := os.OpenFile(l.path(entriesFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	l.journal = journal
	reader := bufio.NewReader(journal)
	var whole int64
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, journal.Close())
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return errors.Join(fmt.Errorf("%s, byte %d: %w", entriesFile, whole, err), journal.Close())
		}
		whole += int64(len(line))
		l.add(r)
	}
	if err := journal.Truncate(whole); err != nil {
		return errors.Join(err, journal.Close())
	}
	_, err = journal.Seek(whole, io.SeekStart)
	return err
}

func (l *Layout) add(r record) {
	l.entries = append(l.entries, r)
	l.types[r.Digest] = r.MediaType
}

// Keep copies a manifest with everything below it. What the registry itself no
// longer has cannot be kept and is passed over: deleting loses nothing of it.
func (l *Layout) Keep(ctx context.Context, entry Entry, source Source) error {
	if err := entry.Manifest.Digest.Verify(entry.Manifest.Body); err != nil {
		return fmt.Errorf("archive %s: %s/%s: %w", l.dir, entry.Registry, entry.Repository, err)
	}
	if l.has(entry.Run, entry.Seq) {
		return nil
	}
	if err := l.copyManifest(ctx, entry.Repository, entry.Manifest, source); err != nil {
		return fmt.Errorf("archive %s: %s/%s@%s: %w", l.dir, entry.Registry, entry.Repository, entry.Manifest.Digest, err)
	}
	r := record{
		Run: entry.Run, Seq: entry.Seq, Registry: entry.Registry, Repository: entry.Repository, Digest: entry.Manifest.Digest,
		MediaType: entry.Manifest.MediaType, Size: int64(len(entry.Manifest.Body)), Tags: entry.Tags, At: entry.At,
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("archive %s: %w", l.dir, err)
	}
	if err := l.journal.Sync(); err != nil {
		return fmt.Errorf("archive %s: %w", l.dir, err)
	}
	l.add(r)
	return nil
}

func (l *Layout) has(run string, seq int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.entries, func(r record) bool { return r.Run == run && r.Seq == seq })
}

// copyManifest copies what is below a manifest, then the manifest: one that is
// there is whole.
func (l *Layout) copyManifest(ctx context.Context, repository string, raw oci.RawManifest, source Source) error {
	if l.there(raw.Digest) {
		return nil
	}
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil {
		return err
	}
	for _, child := range m.Children {
		below, err := source.Manifest(ctx, repository, string(child.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err == nil {
			err = child.Digest.Verify(below.Body)
		}
		if err != nil {
			return err
		}
		below.Digest = child.Digest
		if err := l.copyManifest(ctx, repository, below, source); err != nil {
			return err
		}
	}
	for _, blob := range m.Stored() {
		if err := l.copyBlob(ctx, repository, blob.Digest, source); err != nil {
			return err
		}
	}
	return l.write(raw.Digest, bytes.NewReader(raw.Body))
}

func (l *Layout) copyBlob(ctx context.Context, repository string, digest oci.Digest, source Source) error {
	if l.there(digest) {
		return nil
	}
	blob, err := source.Blob(ctx, repository, digest)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(l.write(digest, blob), blob.Close())
}

func (l *Layout) there(digest oci.Digest) bool {
	_, err := os.Stat(l.blobPath(digest))
	return err == nil
}

// Manifest gives back a manifest that was kept by itself.
func (l *Layout) Manifest(_ context.Context, digest oci.Digest) (oci.RawManifest, error) {
	l.mu.Lock()
	mediaType, kept := l.types[digest]
	l.mu.Unlock()
	if !kept {
		return oci.RawManifest{}, ErrNotKept
	}
	body, err := os.ReadFile(l.blobPath(digest))
	if err != nil {
		return oci.RawManifest{}, fmt.Errorf("archive %s: %w", l.dir, err)
	}
	if err := digest.Verify(body); err != nil {
		return oci.RawManifest{}, fmt.Errorf("archive %s is damaged: %w", l.dir, err)
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

// Entries lists what was kept, of one run or, with "", of all, by run and
// step.
func (l *Layout) Entries(ctx context.Context, run string) ([]Entry, error) {
	l.mu.Lock()
	records := slices.Clone(l.entries)
	l.mu.Unlock()
	slices.SortStableFunc(records, func(a, b record) int {
		return cmp.Or(strings.Compare(a.Run, b.Run), cmp.Compare(a.Seq, b.Seq))
	})
	var entries []Entry
	for _, r := range records {
		if run != "" && r.Run != run {
			continue
		}
		raw, err := l.Manifest(ctx, r.Digest)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{
			Run: r.Run, Seq: r.Seq, Registry: r.Registry, Repository: r.Repository, Manifest: raw, Tags: r.Tags, At: r.At,
		})
	}
	return entries, nil
}

// Close writes the index for other tools. A layout that was not closed opens
// again here, and is written then.
func (l *Layout) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := json.Marshal(l.index())
	if err != nil {
		return err
	}
	if err := errors.Join(writeFile(l.path(indexFile), body), l.journal.Close()); err != nil {
		return fmt.Errorf("archive %s: %w", l.dir, err)
	}
	return nil
}
