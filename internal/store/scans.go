package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// Scan is a complete scan of a repository in which every tag was resolved, beside
// the one before.
type Scan struct {
	registry, repository string
	at                   time.Time
	known                comparison
}

// Arrived tells when each tag appeared on its digest, by name, where an earlier
// scan had it otherwise: what the first scan of a repository finds may have been
// there for long.
func (s Scan) Arrived() map[string]time.Time { return s.known.since }

// CompareScan looks what a scan found that the one before had not. It writes
// nothing down.
func (s *Store) CompareScan(ctx context.Context, registryName, repository string, at time.Time, pointers []Pointer) (Scan, error) {
	scan := Scan{registry: registryName, repository: repository, at: at}
	byTag := func(a, b Pointer) int { return strings.Compare(a.Tag, b.Tag) }
	if !slices.IsSortedFunc(pointers, byTag) {
		pointers = slices.SortedFunc(slices.Values(pointers), byTag)
	}
	first := int64(math.MaxInt64)
	err := s.read.QueryRowContext(ctx, `SELECT first_at FROM scans WHERE registry = $1 AND repository = $2`, registryName, repository).Scan(&first)
	scanned := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return scan, translate(s.path, err)
	}
	if scan.known, err = compare(ctx, s.read, registryName, repository, pointers, first); err != nil {
		return scan, translate(s.path, err)
	}
	if scanned {
		for _, p := range scan.known.fresh {
			scan.known.since[p[0]] = at
		}
	}
	return scan, nil
}

// RecordScan records a scan: what is new is seen from then on, what is no longer
// there is forgotten. Where another process has recorded one since it was
// compared, what both found keeps the time of the other.
func (s *Store) RecordScan(ctx context.Context, scan Scan) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO scans (registry, repository, first_at, last_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (registry, repository) DO UPDATE SET last_at = excluded.last_at`, scan.registry, scan.repository, micros(scan.at)); err != nil {
			return err
		}
		return errors.Join(scan.add(ctx, tx), scan.forget(ctx, tx))
	})
}

// comparison is what the pointers of a scan and those of the last one differ in.
type comparison struct {
	fresh [][2]string          // tag and digest
	gone  [][2]string          // tag and digest
	since map[string]time.Time // when a tag that stayed where it was appeared there after the first scan, by name
}

// compare goes through both by tag, so that it holds only the differences: a
// repository may have hundreds of thousands of tags. First is when the first
// scan was.
func compare(ctx context.Context, db *sql.DB, registryName, repository string, pointers []Pointer, first int64) (comparison, error) {
	known := comparison{since: map[string]time.Time{}}
	rows, err := db.QueryContext(ctx, `SELECT tag, digest, at FROM seen WHERE registry = $1 AND repository = $2 ORDER BY tag, digest`, registryName, repository)
	if err != nil {
		return known, err
	}
	defer rows.Close()
	next, stayed := 0, false
	pass := func() {
		if p := pointers[next]; !stayed {
			known.fresh = append(known.fresh, [2]string{p.Tag, string(p.Digest)})
		}
		next, stayed = next+1, false
	}
	for rows.Next() {
		var tag, digest string
		var at int64
		if err := rows.Scan(&tag, &digest, &at); err != nil {
			return known, err
		}
		for next < len(pointers) && pointers[next].Tag < tag {
			pass()
		}
		if next < len(pointers) && pointers[next].Tag == tag && string(pointers[next].Digest) == digest {
			if stayed = true; at > first {
				known.since[pointers[next].Tag] = fromMicros(at)
			}
		} else {
			known.gone = append(known.gone, [2]string{tag, digest})
		}
	}
	for next < len(pointers) {
		pass()
	}
	return known, rows.Err()
}

func (s Scan) add(ctx context.Context, tx *sql.Tx) error {
	return inChunks(s.known.fresh, func(some string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO seen (registry, repository, tag, digest, at)
			SELECT $1, $2, value ->> 0, value ->> 1, $3 FROM json_each($4) WHERE true
			ON CONFLICT DO NOTHING`, s.registry, s.repository, micros(s.at), some)
		return err
	})
}

func (s Scan) forget(ctx context.Context, tx *sql.Tx) error {
	return inChunks(s.known.gone, func(some string) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM seen WHERE registry = $1 AND repository = $2
			AND (tag, digest) IN (SELECT value ->> 0, value ->> 1 FROM json_each($3))`, s.registry, s.repository, some)
		return err
	})
}

// inChunks gives pairs to a statement as JSON, many at a time.
func inChunks(pairs [][2]string, execute func(some string) error) error {
	for some := range slices.Chunk(pairs, 1000) {
		text, err := json.Marshal(some)
		if err != nil {
			return err
		}
		if err := execute(string(text)); err != nil {
			return err
		}
	}
	return nil
}
