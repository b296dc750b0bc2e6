package store

import (
	"context"
	"database/sql"
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
	for i := range scan.known.fresh {
		scan.known.fresh[i].at = micros(at)
		if scanned {
			scan.known.since[scan.known.fresh[i].tag] = at
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
		return change(ctx, tx, scan.registry, scan.repository, scan.known.gone, scan.known.fresh)
	})
}

// comparison is what the pointers of a scan and those of the last one differ in.
// Fresh and gone are in the order of tag and digest.
type comparison struct {
	fresh, gone []line
	since       map[string]time.Time // when a tag that stayed where it was appeared there after the first scan, by name
}

// compare goes through both by tag, so that it holds only the differences: a
// repository may have hundreds of thousands of tags. First is when the first
// scan was.
func compare(ctx context.Context, db *sql.DB, registryName, repository string, pointers []Pointer, first int64) (comparison, error) {
	known := comparison{since: map[string]time.Time{}}
	next, stayed := 0, false
	pass := func() {
		if p := pointers[next]; !stayed {
			known.fresh = append(known.fresh, line{tag: p.Tag, digest: string(p.Digest)})
		}
		next, stayed = next+1, false
	}
	rows, err := db.QueryContext(ctx, `SELECT body FROM pointers WHERE registry = $1 AND repository = $2 ORDER BY first`, registryName, repository)
	for seen, err := range linesOf(rows, err) {
		if err != nil {
			return known, err
		}
		for next < len(pointers) && pointers[next].Tag < seen.tag {
			pass()
		}
		if next < len(pointers) && pointers[next].Tag == seen.tag && string(pointers[next].Digest) == seen.digest {
			if stayed = true; seen.at > first {
				known.since[pointers[next].Tag] = fromMicros(seen.at)
			}
		} else { // a copy, that does not hold all of its row
			known.gone = append(known.gone, line{tag: strings.Clone(seen.tag), digest: strings.Clone(seen.digest)})
		}
	}
	for next < len(pointers) {
		pass()
	}
	return known, nil
}
