package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
)

// SightingsKept is how long a sighting is kept after the last one of all: no
// configuration can remember for longer.
const SightingsKept = 366 * 24 * time.Hour

// Recall lists sightings not older than since.
func (s *Store) Recall(ctx context.Context, since time.Time) ([]usage.Sighting, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT source, image, what, at FROM sightings WHERE at >= $1 ORDER BY source, image, what`, micros(since))
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	var sightings []usage.Sighting
	for rows.Next() {
		var seen usage.Sighting
		var at int64
		if err := rows.Scan(&seen.Source, &seen.Image, &seen.What, &at); err != nil {
			return nil, translate(s.path, err)
		}
		seen.Seen = fromMicros(at)
		sightings = append(sightings, seen)
	}
	return sightings, translate(s.path, rows.Err())
}

// Remember keeps the latest sighting per source, image and what, and forgets
// those that no configuration can ask for any more.
func (s *Store) Remember(ctx context.Context, sightings []usage.Sighting) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO sightings (source, image, what, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (source, image, what) DO UPDATE SET at = max(at, excluded.at)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		var last time.Time
		for _, seen := range sightings {
			if _, err := insert.ExecContext(ctx, seen.Source, seen.Image, seen.What, micros(seen.Seen)); err != nil {
				return err
			}
			if seen.Seen.After(last) {
				last = seen.Seen
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sightings WHERE at < $1`, micros(last.Add(-SightingsKept)))
		return err
	})
}
