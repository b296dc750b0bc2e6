package store

import (
	"context"
	"database/sql"
	"time"
)

// CountsKept is how long a count is kept after the last plan that asked for it.
const CountsKept = 366 * 24 * time.Hour

// Matched is how many roots of a registry one condition of a policy matched.
type Matched struct {
	Condition string // policy.Counted.Key
	// Roots is what later scans are compared with, Latest what was found now.
	// They differ where the difference was warned of and nobody agreed yet.
	Roots, Latest int
}

// Counts gives the roots by condition that scans of a registry are to be
// compared with.
func (s *Store) Counts(ctx context.Context, registry string) (map[string]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT condition, roots FROM counts WHERE registry = $1`, registry)
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var condition string
		var roots int
		if err := rows.Scan(&condition, &roots); err != nil {
			return nil, translate(s.path, err)
		}
		counts[condition] = roots
	}
	return counts, translate(s.path, rows.Err())
}

// RecordCounts remembers what a plan found on a registry that it saw whole.
func (s *Store) RecordCounts(ctx context.Context, registry, plan string, at time.Time, found []Matched) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO counts (registry, condition, roots, latest, plan, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (registry, condition) DO UPDATE SET roots = excluded.roots, latest = excluded.latest, plan = excluded.plan, at = excluded.at`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, m := range found {
			if _, err := insert.ExecContext(ctx, registry, m.Condition, m.Roots, m.Latest, plan, micros(at)); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM counts WHERE registry = $1 AND at < $2`, registry, micros(at.Add(-CountsKept)))
		return err
	})
}

// AcceptCounts takes what a plan found for what is normal: whoever applies it
// has seen what it warned of.
func (s *Store) AcceptCounts(ctx context.Context, plan string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE counts SET roots = latest WHERE plan = $1`, plan)
		return err
	})
}
