package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// counting answers manifests and blobs by digest from text.
type counting struct {
	registry.Reader
	texts map[oci.Digest]string
	asked int
	lie   bool
}

func (c *counting) find(digest oci.Digest) (string, error) {
	c.asked++
	text, found := c.texts[digest]
	if !found {
		return "", &registry.Error{Kind: registry.ErrNotFound, Op: "read"}
	}
	if c.lie {
		text = "something else"
	}
	return text, nil
}

func (c *counting) Manifest(_ context.Context, _, reference string) (oci.RawManifest, error) {
	digest := oci.Digest(reference)
	for tagged := range c.texts {
		if reference == "v1" {
			digest = tagged
		}
	}
	text, err := c.find(digest)
	return oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: digest, Body: []byte(text)}, err
}

type stringBlob struct {
	io.Reader
	size int64
}

func (stringBlob) Close() error  { return nil }
func (b stringBlob) Size() int64 { return b.size }

func (c *counting) Blob(_ context.Context, _ string, digest oci.Digest) (registry.Blob, error) {
	text, err := c.find(digest)
	if err != nil {
		return nil, err
	}
	return stringBlob{strings.NewReader(text), int64(len(text))}, nil
}

func (c *counting) Describe(context.Context) (registry.Info, error) { return registry.Info{}, nil }

func TestCacheAsksOnceForWhatCannotChange(t *testing.T) {
	digest := oci.FromBytes([]byte("text"))
	inner := &counting{texts: map[oci.Digest]string{digest: "text"}}
	cache := NewCache(inner, NewMemory(1000))
	manifest := func(repository, reference string) {
		t.Helper()
		raw, err := cache.Manifest(t.Context(), repository, reference)
		if err != nil || string(raw.Body) != "text" || raw.MediaType != oci.MediaTypeImage || raw.Digest != digest {
			t.Errorf("%+v, %v", raw, err)
		}
	}
	steps := []struct {
		what  func()
		asked int
	}{
		{func() { manifest("a", "v1") }, 1},
		{func() { manifest("a", "v1") }, 2}, // a tag moves
		{func() { manifest("a", string(digest)) }, 2},
		{func() { manifest("b", string(digest)) }, 3}, // may be missing there
		{func() { manifest("b", string(digest)) }, 3},
	}
	for i, step := range steps {
		if step.what(); inner.asked != step.asked {
			t.Errorf("step %d: asked %d times, want %d", i, inner.asked, step.asked)
		}
	}
	inner.asked = 0
	for range 3 {
		blob, err := cache.Blob(t.Context(), "a", digest)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(blob)
		if err != nil || string(text) != "text" || blob.Size() != 4 || blob.Close() != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	if inner.asked != 1 {
		t.Errorf("asked %d times for a config", inner.asked)
	}
	if _, ok := registry.As[registry.Describer](registry.Reader(cache)); !ok {
		t.Error("what the reader can do is hidden")
	}
}

func TestCacheVerifies(t *testing.T) {
	digest := oci.FromBytes([]byte("text"))
	inner := &counting{texts: map[oci.Digest]string{digest: "text"}, lie: true}
	memory := NewMemory(1000)
	cache := NewCache(inner, memory)
	if _, err := cache.Blob(t.Context(), "a", digest); !errors.Is(err, registry.ErrMalformed) {
		t.Errorf("a false blob: %v", err)
	}
	if _, err := cache.Manifest(t.Context(), "a", string(digest)); err != nil {
		t.Error(err)
	}
	if len(memory.entries) != 0 {
		t.Error("kept what does not fit its digest")
	}
	memory.Put(t.Context(), ContentKey{Repository: "a", Digest: digest}, "x", []byte("tampered"))
	memory.Put(t.Context(), ContentKey{Digest: digest}, "", []byte("tampered"))
	inner.lie = false
	if raw, err := cache.Manifest(t.Context(), "a", string(digest)); err != nil || string(raw.Body) != "text" {
		t.Errorf("%q, %v", raw.Body, err)
	}
	if blob, err := cache.Blob(t.Context(), "a", digest); err != nil || blob.Size() != 4 {
		t.Errorf("%v", err)
	}
	if _, err := cache.Blob(t.Context(), "a", oci.FromBytes([]byte("none"))); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a missing blob: %v", err)
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	memory := NewMemory(10)
	key := func(i int) ContentKey { return ContentKey{Repository: fmt.Sprint(i)} }
	memory.Put(t.Context(), key(0), "", []byte("12345678901")) // larger than everything
	for i := range 3 {
		memory.Put(t.Context(), key(i), "", []byte("1234"))
		memory.Get(t.Context(), key(0)) // used again and again
	}
	for i, want := range []bool{true, false, true} {
		if _, _, found := memory.Get(t.Context(), key(i)); found != want {
			t.Errorf("%d: %v", i, found)
		}
	}
	if memory.size != 8 {
		t.Errorf("holds %d bytes", memory.size)
	}
}
