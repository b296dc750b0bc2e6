package app

import (
	"context"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/wrap"
	"github.com/regkeep/regkeep/internal/store"
)

// contents puts the state's cache before a reader, as a wrap.Content. What a
// repository is likely to ask for is read ahead, other reads that meet go to
// the state together, and writes go there in large transactions while the scan
// goes on.
//
// The state keeps content by digest alone, whichever repository it lay in, so
// this is for scans, which ask the registry whether things are there; what
// changes a registry is never given it. A state that fails is no cache, and a
// crash loses what was not written yet: it is asked for again.
type contents struct {
	state *store.Store
	clock func() time.Time
	empty bool // at first: then nothing is looked up
	shelf shelf

	reads   sync.Mutex
	waiting []*lookup
	reading bool

	writes  sync.Mutex
	put     recent
	fresh   []oci.RawManifest
	queue   chan fetched // to the writer; nil: none runs
	written sync.WaitGroup
}

// fetched is what the registry sent until then.
type fetched struct {
	contents []oci.RawManifest
	at       time.Time
}

type lookup struct {
	digest oci.Digest
	raw    oci.RawManifest
	found  bool
	done   chan struct{}
}

const (
	// together is how many contents are read at once.
	together = 500
	// keptTogether is how many are written at once. Each write changes pages all over
	// the index of digests: the more at once, the fewer (BenchmarkKeepContents).
	keptTogether = 1000
)

func newContents(ctx context.Context, state *store.Store, clock func() time.Time) *contents {
	any, err := state.AnyContents(ctx)
	c := &contents{state: state, clock: clock, empty: err != nil || !any}
	c.shelf = newShelf(func(digests []oci.Digest) map[oci.Digest]oci.RawManifest {
		found, _ := state.Contents(context.WithoutCancel(ctx), digests) // none: asked for one by one
		return found
	})
	return c
}

// ahead is told what the tags of a repository that is going to be read pointed
// at, in the order in which they will be resolved; row is the same for all of
// the repository.
func (c *contents) ahead(row *row, digests []oci.Digest) { c.shelf.ahead(row, digests) }

// Get implements wrap.Content.
func (c *contents) Get(ctx context.Context, key wrap.ContentKey) ([]byte, string, bool) {
	if c.empty {
		return nil, "", false
	}
	if raw, found := c.shelf.take(key.Digest); found {
		return given(key, raw, true)
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
	return given(key, l.raw, l.found)
}

// given is what Get answers: configs are kept without a type and manifests
// never are.
func given(key wrap.ContentKey, raw oci.RawManifest, found bool) ([]byte, string, bool) {
	if isManifest := key.Repository != ""; isManifest && raw.MediaType == "" {
		return nil, "", false
	}
	return raw.Body, raw.MediaType, found
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

// Put implements wrap.Content. What several tags lead to comes again with each of
// them and is kept once. Put waits when the state is far behind.
func (c *contents) Put(_ context.Context, key wrap.ContentKey, mediaType string, body []byte) {
	c.writes.Lock()
	defer c.writes.Unlock()
	if !c.put.add(key.Digest) {
		return
	}
	c.fresh = append(c.fresh, oci.RawManifest{MediaType: mediaType, Digest: key.Digest, Body: body})
	if len(c.fresh) == keptTogether {
		c.hand()
	}
}

// hand gives what was put to the writer.
func (c *contents) hand() {
	if len(c.fresh) == 0 {
		return
	}
	if c.queue == nil {
		queue := make(chan fetched, behind)
		c.queue = queue
		c.written.Go(func() {
			for some := range queue {
				// What cannot be kept is asked for again next time.
				_ = c.state.KeepContents(context.Background(), some.at, some.contents...)
			}
		})
	}
	c.queue <- fetched{c.fresh, c.clock()}
	c.fresh = nil
}

// pause lets what was put so far be written while other things are done.
func (c *contents) pause() {
	c.writes.Lock()
	defer c.writes.Unlock()
	c.hand()
}

// behind is how many transactions the writer may be behind.
const behind = 8

// flush writes what was put and waits for all that is under way.
func (c *contents) flush() {
	c.writes.Lock()
	defer c.writes.Unlock()
	c.hand()
	if c.queue != nil {
		close(c.queue)
		c.queue = nil
	}
	c.written.Wait()
	c.shelf.wait()
}

// recent tells what came again from what is new, and remembers mostRecent
// digests or more, at most twice as many. Its zero value remembers none.
type recent struct{ young, old map[oci.Digest]struct{} }

const mostRecent = 8192

// add says whether a digest is new, and remembers it.
func (r *recent) add(digest oci.Digest) bool {
	if _, known := r.young[digest]; known {
		return false
	}
	if _, known := r.old[digest]; known {
		return false
	}
	if r.young == nil || len(r.young) == mostRecent {
		r.young, r.old = map[oci.Digest]struct{}{}, r.young
	}
	r.young[digest] = struct{}{}
	return true
}
