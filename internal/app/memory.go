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
	history, err := s.state.Seen(ctx, s.registry, repository)
	if err != nil {
		return nil, err
	}
	arrived := map[string]time.Time{}
	var pointers []store.Pointer
	for _, tag := range tags {
		pointer := store.Pointer{Tag: tag.Name, Digest: tag.Digest}
		pointers = append(pointers, pointer)
		at := history.Arrived(pointer)
		if _, known := history.Seen[pointer]; !known && !history.FirstScan.IsZero() {
			at = s.at
		}
		if !at.IsZero() {
			arrived[tag.Name] = at
		}
	}
	return arrived, s.state.RecordScan(ctx, s.registry, repository, s.at, pointers)
}
