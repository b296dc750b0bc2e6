package undo

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/crew"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// ahead looks side by side at what build is going to ask one by one: the
// manifests and tags that went, and what those need that are not there. What
// turns out to be needed beside it is looked at when it is.
func (r *restoration) ahead(ctx context.Context) error {
	digests := slices.Collect(maps.Keys(r.want.deleted))
	references := slices.Collect(maps.Keys(r.want.tags))
	for _, digest := range digests {
		references = append(references, string(digest))
	}
	var mu sync.Mutex
	err := r.each(ctx, len(references), func(ctx context.Context, i int) error {
		at, err := r.look(ctx, references[i])
		mu.Lock()
		defer mu.Unlock()
		r.heads[references[i]] = at
		return err
	})
	if err != nil {
		return err
	}
	needed := map[oci.Digest]bool{}
	for _, digest := range digests {
		if r.heads[string(digest)].Digest != "" {
			continue
		}
		if m, kept := r.want.decode(digest); kept {
			for _, blob := range m.Stored() {
				needed[blob.Digest] = true
			}
		}
	}
	blobs := slices.Collect(maps.Keys(needed))
	return r.each(ctx, len(blobs), func(ctx context.Context, i int) error {
		there, err := r.lookForBlob(ctx, blobs[i])
		mu.Lock()
		defer mu.Unlock()
		r.blobs[blobs[i]] = there
		return err
	})
}

func (r *restoration) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	all := crew.New(cmp.Or(max(0, r.Concurrency), registry.MostInFlight))
	defer all.Close()
	return all.Each(ctx, n, f)
}
