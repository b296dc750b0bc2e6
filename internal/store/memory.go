package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Capabilities is what was learned about a repository; all unknown where
// nobody looked.
func (s *Store) Capabilities(ctx context.Context, registryName, repository string) (registry.Capabilities, error) {
	var known registry.Capabilities
	var body string
	err := s.read.QueryRowContext(ctx, `SELECT body FROM capabilities WHERE registry = $1 AND repository = $2`,
		registryName, repository).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return known, nil
	}
	if err != nil {
		return known, translate(s.path, err)
	}
	return known, json.Unmarshal([]byte(body), &known)
}

// Learn replaces what is known about a repository.
func (s *Store) Learn(ctx context.Context, registryName, repository string, learned registry.Capabilities, at time.Time) error {
	body, err := json.Marshal(learned)
	if err != nil {
		return err
	}
	return s.exec(ctx, `INSERT INTO capabilities (registry, repository, body, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (registry, repository) DO UPDATE SET body = excluded.body, at = excluded.at`,
		registryName, repository, string(body), micros(at))
}

// Baseline is what a repository held before a run's first step there, nil
// where none was kept.
func (s *Store) Baseline(ctx context.Context, run, registryName, repository string) (*journal.Baseline, error) {
	var body string
	err := s.read.QueryRowContext(ctx, `SELECT body FROM baselines WHERE run = $1 AND registry = $2 AND repository = $3`,
		run, registryName, repository).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, translate(s.path, err)
	}
	var baseline journal.Baseline
	if err := json.Unmarshal([]byte(body), &baseline); err != nil {
		return nil, &Error{Path: s.path, Kind: ErrDamaged, Err: err}
	}
	return &baseline, nil
}

// KeepBaseline records a baseline; the first one of a run stays.
func (s *Store) KeepBaseline(ctx context.Context, run, registryName, repository string, baseline journal.Baseline) error {
	body, err := json.Marshal(baseline)
	if err != nil {
		return err
	}
	return s.exec(ctx, `INSERT INTO baselines (run, registry, repository, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (run, registry, repository) DO NOTHING`, run, registryName, repository, string(body))
}

// Pointer is a tag and what it pointed at.
type Pointer struct {
	Tag    string
	Digest oci.Digest
}

// History is what earlier complete scans of a repository saw.
type History struct {
	// FirstScan is zero when there was none.
	FirstScan time.Time
	// Seen is when each pointer was first seen. FirstScan's own time stands
	// for "already there then": a lower bound, and no more.
	Seen map[Pointer]time.Time
}

// Arrived is when a pointer appeared after an earlier scan without it; zero
// where that is not known.
func (h History) Arrived(p Pointer) time.Time {
	if at := h.Seen[p]; at.After(h.FirstScan) {
		return at
	}
	return time.Time{}
}

// Seen tells what earlier scans of a repository saw.
func (s *Store) Seen(ctx context.Context, registryName, repository string) (History, error) {
	history := History{Seen: map[Pointer]time.Time{}}
	var first int64
	err := s.read.QueryRowContext(ctx, `SELECT first_at FROM scans WHERE registry = $1 AND repository = $2`,
		registryName, repository).Scan(&first)
	if errors.Is(err, sql.ErrNoRows) {
		return history, nil
	}
	if err != nil {
		return history, translate(s.path, err)
	}
	history.FirstScan = fromMicros(first)
	rows, err := s.read.QueryContext(ctx, `SELECT tag, digest, at FROM seen WHERE registry = $1 AND repository = $2`, registryName, repository)
	if err != nil {
		return history, translate(s.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var p Pointer
		var at int64
		if err := rows.Scan(&p.Tag, &p.Digest, &at); err != nil {
			return history, translate(s.path, err)
		}
		history.Seen[p] = fromMicros(at)
	}
	return history, translate(s.path, rows.Err())
}

// RecordScan records a complete scan in which every tag was resolved: what is
// new is seen from now on, what is no longer there is forgotten.
func (s *Store) RecordScan(ctx context.Context, registryName, repository string, at time.Time, pointers []Pointer) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO scans (registry, repository, first_at, last_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (registry, repository) DO UPDATE SET last_at = excluded.last_at`, registryName, repository, micros(at)); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT tag, digest FROM seen WHERE registry = $1 AND repository = $2`, registryName, repository)
		if err != nil {
			return err
		}
		gone := map[Pointer]bool{}
		for rows.Next() {
			var p Pointer
			if err := rows.Scan(&p.Tag, &p.Digest); err != nil {
				return errors.Join(err, rows.Close())
			}
			gone[p] = true
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		var fresh [][2]string
		for _, p := range pointers {
			if gone[p] {
				delete(gone, p)
			} else {
				fresh = append(fresh, [2]string{p.Tag, string(p.Digest)})
			}
		}
		for some := range slices.Chunk(fresh, 1000) {
			added, err := json.Marshal(some)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO seen (registry, repository, tag, digest, at)
				SELECT $1, $2, value ->> 0, value ->> 1, $3 FROM json_each($4) WHERE true
				ON CONFLICT DO NOTHING`, registryName, repository, micros(at), string(added)); err != nil {
				return err
			}
		}
		for p := range gone {
			if _, err := tx.ExecContext(ctx, `DELETE FROM seen WHERE registry = $1 AND repository = $2 AND tag = $3 AND digest = $4`,
				registryName, repository, p.Tag, string(p.Digest)); err != nil {
				return err
			}
		}
		return nil
	})
}
