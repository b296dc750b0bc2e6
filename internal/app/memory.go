package app

import (
	"context"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/store"
)

// sightings remembers in the state when a tag was first seen on a digest. It
// is an inventory.FirstSeen.
type sightings struct {
	state    *store.Store
	registry string
	at       time.Time
}

// FirstSeen tells what arrived after an earlier scan, and records this one.
func (s sightings) FirstSeen(ctx context.Context, repository string, tags []inventory.Tag) (map[string]time.Time, error) {
	pointers := make([]store.Pointer, len(tags))
	for i, tag := range tags {
		pointers[i] = store.Pointer{Tag: tag.Name, Digest: tag.Digest}
	}
	return s.state.RecordScan(ctx, s.registry, repository, s.at, pointers)
}
