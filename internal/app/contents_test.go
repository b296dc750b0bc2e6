package app

import (
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
