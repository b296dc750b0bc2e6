package store

import (
	"context"
	"time"
)

// Collected records that regkeep had a registry collect its garbage.
func (s *Store) Collected(ctx context.Context, registry string, at time.Time) error {
	return s.exec(ctx, `INSERT INTO collections (registry, at) VALUES ($1, $2) ON CONFLICT (registry, at) DO NOTHING`, registry, micros(at))
}

// LastCollection is when regkeep last had a registry collect its garbage; zero
// if it never did. What others did is not known here.
func (s *Store) LastCollection(ctx context.Context, registry string) (time.Time, error) {
	var at int64
	err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(at), 0) FROM collections WHERE registry = $1`, registry).Scan(&at)
	return fromMicros(at), translate(s.path, err)
}
