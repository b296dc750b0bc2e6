package app

import (
	"context"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/wrap"
	"github.com/regkeep/regkeep/internal/store"
)

// contents puts the state's cache before a reader, as a wrap.Content. Reads
// that meet and writes that follow each other go to the state together.
//
// The state keeps content by digest alone, whichever repository it lay in, so
// this is for scans, which ask the registry whether things are there; what
// changes a registry is never given it. A state that fails is no cache.
type contents struct {
	state *store.Store
	empty bool // at first: then nothing is looked up

	reads   sync.Mutex
	waiting []*lookup
	reading bool

	writes sync.Mutex
	fresh  []oci.RawManifest
}

type lookup struct {
	digest oci.Digest
	raw    oci.RawManifest
	found  bool
	done   chan struct{}
}

// together is how many contents are read or written at once.
const together = 500

func newContents(ctx context.Context, state *store.Store) *contents {
	any, err := state.AnyContents(ctx)
	return &contents{state: state, empty: err != nil || !any}
}

// Get implements wrap.Content.
func (c *contents) Get(ctx context.Context, key wrap.ContentKey) ([]byte, string, bool) {
	if c.empty {
		return nil, "", false
	}
	l := &lookup{digest: key.Digest, done: make(chan struct{})}
	c.reads.Lock()
	c.waiting = append(c.waiting, l)
	lead := !c.reading
	c.reading = true
	c.reads.Unlock()
	if lead {
		c.serve(context.WithoutCancel(ctx))
	}
	<-l.done
	// Configs are kept without a type and manifests never are.
	if isManifest := key.Repository != ""; isManifest && l.raw.MediaType == "" {
		return nil, "", false
	}
	return l.raw.Body, l.raw.MediaType, l.found
}

// serve reads for everybody who waits, until nobody does.
func (c *contents) serve(ctx context.Context) {
	for {
		c.reads.Lock()
		some := c.waiting[:min(together, len(c.waiting))]
		c.waiting = c.waiting[len(some):]
		c.reading = len(some) > 0
		c.reads.Unlock()
		if len(some) == 0 {
			return
		}
		digests := make([]oci.Digest, len(some))
		for i, l := range some {
			digests[i] = l.digest
		}
		found, err := c.state.Contents(ctx, digests)
		for _, l := range some {
			if err == nil {
				l.raw, l.found = found[l.digest]
			}
			close(l.done)
		}
	}
}

// Put implements wrap.Content.
func (c *contents) Put(ctx context.Context, key wrap.ContentKey, mediaType string, body []byte) {
	c.writes.Lock()
	c.fresh = append(c.fresh, oci.RawManifest{MediaType: mediaType, Digest: key.Digest, Body: body})
	full := len(c.fresh) >= together
	c.writes.Unlock()
	if full {
		c.flush(ctx)
	}
}

// flush writes what was put. What cannot be kept is asked for again next time.
func (c *contents) flush(ctx context.Context) {
	c.writes.Lock()
	fresh := c.fresh
	c.fresh = nil
	c.writes.Unlock()
	if len(fresh) > 0 {
		_ = c.state.KeepContents(ctx, fresh...)
	}
}
