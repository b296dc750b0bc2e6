package app

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/store"
)

// sightings remembers in the state when a tag was first seen on a digest. It
// is an inventory.FirstSeen.
type sightings struct {
	state     *store.Store
	registry  string
	at        time.Time
	recording *errgroup.Group
}

// mostRecording is how many scans may wait to be recorded.
const mostRecording = 2

func newRecording() *errgroup.Group {
	group := &errgroup.Group{}
	group.SetLimit(mostRecording)
	return group
}

// FirstSeen tells what arrived after an earlier scan. This one is recorded while
// the work goes on, whatever becomes of it.
func (s sightings) FirstSeen(ctx context.Context, repository string, tags []inventory.Tag) (map[string]time.Time, error) {
	pointers := make([]store.Pointer, len(tags))
	for i, tag := range tags {
		pointers[i] = store.Pointer{Tag: tag.Name, Digest: tag.Digest}
	}
	scan, err := s.state.CompareScan(ctx, s.registry, repository, s.at, pointers)
	if err != nil {
		return nil, err
	}
	s.recording.Go(func() error {
		if err := s.state.RecordScan(context.WithoutCancel(ctx), scan); err != nil {
			return fmt.Errorf("record what was seen in %s/%s: %w", s.registry, repository, err)
		}
		return nil
	})
	return scan.Arrived(), nil
}
