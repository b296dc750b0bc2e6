package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/registry/storage/driver"
)

// Storage is what a distribution registry keeps, in memory. It outlives the
// server, so that a test can stop one and start another on the same content.
//
// The library's own drivers would bring OpenTelemetry's exporters and gRPC
// along, some two hundred packages that a demonstration has no use for.
type Storage struct {
	mu   sync.RWMutex
	root *node
}

type node struct {
	children map[string]*node // nil for a file
	data     []byte
	modified time.Time
}

// NewStorage is an empty storage.
func NewStorage() *Storage { return &Storage{root: newDirectory()} }

func newDirectory() *node { return &node{children: map[string]*node{}, modified: time.Now()} }

func parts(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}

func (s *Storage) find(name string) (*node, error) {
	at := s.root
	for _, part := range parts(name) {
		next := at.children[part]
		if next == nil {
			return nil, driver.PathNotFoundError{Path: name, DriverName: driverName}
		}
		at = next
	}
	return at, nil
}

func (s *Storage) file(name string) (*node, error) {
	found, err := s.find(name)
	if err == nil && found.children != nil {
		return nil, fmt.Errorf("%s is a directory", name)
	}
	return found, err
}

// directory finds or makes the directory that name lies in.
func (s *Storage) directory(name string) (*node, error) {
	at := s.root
	for _, part := range parts(path.Dir(name)) {
		next := at.children[part]
		if next == nil {
			next = newDirectory()
			at.children[part] = next
		}
		if next.children == nil {
			return nil, fmt.Errorf("%s: %s is a file", name, part)
		}
		at = next
	}
	return at, nil
}

// Name implements driver.StorageDriver, as do the methods below.
func (s *Storage) Name() string { return driverName }

// GetContent returns the content of a file. Content is never changed in
// place, so it can be handed out without a copy.
func (s *Storage) GetContent(_ context.Context, name string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.file(name)
	if err != nil {
		return nil, err
	}
	return found.data, nil
}

// PutContent replaces the content of a file.
func (s *Storage) PutContent(_ context.Context, name string, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := s.directory(name)
	if err != nil {
		return err
	}
	in.children[path.Base(name)] = &node{data: bytes.Clone(content), modified: time.Now()}
	return nil
}

// Reader opens a file at an offset.
func (s *Storage) Reader(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	content, err := s.GetContent(ctx, name)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, driver.InvalidOffsetError{Path: name, Offset: offset, DriverName: driverName}
	}
	return io.NopCloser(bytes.NewReader(content[min(offset, int64(len(content))):])), nil
}

// Writer opens a file for writing.
func (s *Storage) Writer(ctx context.Context, name string, appending bool) (driver.FileWriter, error) {
	w := &writer{storage: s, name: name}
	if appending {
		content, err := s.GetContent(ctx, name)
		if err != nil {
			return nil, err
		}
		w.buffer.Write(content)
		return w, nil
	}
	return w, s.PutContent(ctx, name, nil)
}

// Stat describes a file or a directory.
func (s *Storage) Stat(_ context.Context, name string) (driver.FileInfo, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return driver.FileInfoInternal{FileInfoFields: driver.FileInfoFields{
		Path: name, Size: int64(len(found.data)), ModTime: found.modified, IsDir: found.children != nil,
	}}, nil
}

// List names what lies directly in a directory.
func (s *Storage) List(_ context.Context, name string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return nil, err
	}
	entries := slices.Sorted(maps.Keys(found.children))
	for i, entry := range entries {
		entries[i] = path.Join(name, entry)
	}
	return entries, nil
}

// Move renames a file or a directory.
func (s *Storage) Move(_ context.Context, from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved, err := s.find(from)
	if err != nil {
		return err
	}
	in, err := s.directory(to)
	if err != nil {
		return err
	}
	out, err := s.directory(from)
	if err != nil {
		return err
	}
	delete(out.children, path.Base(from))
	in.children[path.Base(to)] = moved
	return nil
}

// Delete removes a file or a directory with everything in it.
func (s *Storage) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err != nil {
		return err
	}
	in, err := s.directory(name)
	if err != nil {
		return err
	}
	delete(in.children, path.Base(name))
	return nil
}

// RedirectURL is empty: content is served from here.
func (s *Storage) RedirectURL(*http.Request, string) (string, error) { return "", nil }

// Walk visits everything below a directory.
func (s *Storage) Walk(ctx context.Context, from string, visit driver.WalkFn, options ...func(*driver.WalkOptions)) error {
	return driver.WalkFallback(ctx, s, from, visit, options...)
}

// writer collects content and hands it to the storage when closed or
// committed.
type writer struct {
	storage *Storage
	name    string
	buffer  bytes.Buffer
}

func (w *writer) Write(p []byte) (int, error) { return w.buffer.Write(p) }
func (w *writer) Size() int64                 { return int64(w.buffer.Len()) }

func (w *writer) Commit(ctx context.Context) error {
	return w.storage.PutContent(ctx, w.name, w.buffer.Bytes())
}

func (w *writer) Cancel(ctx context.Context) error { return w.storage.Delete(ctx, w.name) }

// Close keeps what was written of an upload that goes on later; after Commit
// or Cancel the file may have been moved away and must not come back.
func (w *writer) Close() error {
	if _, err := w.storage.Stat(context.Background(), w.name); err != nil {
		return nil
	}
	return w.storage.PutContent(context.Background(), w.name, w.buffer.Bytes())
}
