package app

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/wrap"
	"github.com/regkeep/regkeep/internal/store"
)

func TestContentsOutliveARun(t *testing.T) {
	state, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	first := newContents(t.Context(), state, time.Now)
	manifest, config := []byte("manifest"), []byte("config")
	ofManifest := wrap.ContentKey{Repository: "app", Digest: oci.FromBytes(manifest)}
	ofConfig := wrap.ContentKey{Digest: oci.FromBytes(config)}
	first.Put(t.Context(), ofManifest, oci.MediaTypeImage, manifest)
	first.Put(t.Context(), ofConfig, "", config)
	first.Put(t.Context(), wrap.ContentKey{Digest: oci.FromBytes([]byte("x"))}, "", []byte("false"))
	first.flush()

	second := newContents(t.Context(), state, time.Now)
	var readers sync.WaitGroup
	for range 50 {
		readers.Go(func() {
			body, mediaType, found := second.Get(t.Context(), ofManifest)
			if !found || string(body) != "manifest" || mediaType != oci.MediaTypeImage {
				t.Errorf("%q %q %v", body, mediaType, found)
			}
			if body, _, found := second.Get(t.Context(), ofConfig); !found || string(body) != "config" {
				t.Errorf("%q %v", body, found)
			}
		})
	}
	readers.Wait()
	for _, key := range []wrap.ContentKey{
		{Digest: oci.FromBytes([]byte("x"))},         // was put with false bytes
		{Digest: oci.FromBytes([]byte("none"))},      // was never put
		{Repository: "app", Digest: ofConfig.Digest}, // a config is no manifest
	} {
		if _, _, found := second.Get(t.Context(), key); found {
			t.Errorf("%v was found", key)
		}
	}
}

// What comes again soon is kept once, and remembering it takes bounded memory.
func TestRecentRemembersForAWhile(t *testing.T) {
	var r recent
	digest := func(n int) oci.Digest { return oci.FromBytes(fmt.Append(nil, n)) }
	for n := range 5 * mostRecent {
		if !r.add(digest(n)) {
			t.Fatalf("%d is not new", n)
		}
		if r.add(digest(n)) || n >= mostRecent && r.add(digest(n-mostRecent+1)) {
			t.Fatalf("what came just before %d was forgotten", n)
		}
		if held := len(r.young) + len(r.old); held > 2*mostRecent {
			t.Fatalf("%d are remembered", held)
		}
	}
	if !r.add(digest(0)) {
		t.Error("the oldest is remembered too")
	}
}

func TestWhatManyTagsLeadToIsKeptOnce(t *testing.T) {
	state, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	c := newContents(t.Context(), state, time.Now)
	for range 3 {
		for _, body := range []string{"a", "b"} {
			c.Put(t.Context(), wrap.ContentKey{Digest: oci.FromBytes([]byte(body))}, "", []byte(body))
		}
	}
	if len(c.fresh) != 2 {
		t.Errorf("%d contents are to be written", len(c.fresh))
	}
	c.flush()
}
