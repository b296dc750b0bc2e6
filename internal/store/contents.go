package store

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// defaultCache is how many bytes of contents are kept, about two hundred
// thousand manifests.
const defaultCache = 256 << 20

type cacheBound struct {
	mu      sync.Mutex
	most    int64
	counted bool
	used    int64
}

// sums is a parameter for json_each: the hex parts of digests.
func sums(digests []oci.Digest) string {
	var text strings.Builder
	text.WriteByte('[')
	for i, digest := range digests {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteByte('"')
		text.WriteString(digest.Hex())
		text.WriteByte('"')
	}
	text.WriteByte(']')
	return text.String()
}

// Contents are the manifests and configs of many digests that were fetched
// before, in one read or two; others may be among them that were fetched at the
// same time. One that lost its bytes is left out.
func (s *Store) Contents(ctx context.Context, digests []oci.Digest) (map[oci.Digest]oci.RawManifest, error) {
	found := make(map[oci.Digest]oci.RawManifest, len(digests))
	if err := s.neighbours(ctx, digests, found); err != nil {
		return nil, translate(s.path, err)
	}
	wanted := make([]oci.Digest, 0, len(digests))
	for _, digest := range digests {
		if _, here := found[digest]; !here {
			wanted = append(wanted, digest)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	return found, translate(s.path, s.collect(ctx, found, `SELECT c.digest, c.media_type, c.body
		FROM json_each($1) wanted CROSS JOIN contents c ON c.digest = unhex(wanted.value)`, sums(wanted)))
}

const (
	// crowd is of how many digests it is worth asking whether they lie together.
	crowd = 128
	// around is how many contents before and after those of a repository may be
	// of it too: what was asked for at the same time came in any order.
	around = 64
)

// neighbours reads contents one after another where the first and the last of
// the digests were kept at about the same time, as a scan keeps a repository's
// manifests and their configs: that is a third of the work of finding each by its
// digest (BenchmarkContents).
func (s *Store) neighbours(ctx context.Context, digests []oci.Digest, found map[oci.Digest]oci.RawManifest) error {
	if len(digests) < crowd {
		return nil
	}
	var first, last int
	err := s.read.QueryRowContext(ctx, `SELECT coalesce(min(n), 0), coalesce(max(n), 0) FROM contents WHERE digest IN ($1, $2)`,
		digests[0].Sum(), digests[len(digests)-1].Sum()).Scan(&first, &last)
	if err != nil || last-first > 2*(len(digests)+around) {
		return err
	}
	return s.collect(ctx, found, `SELECT digest, media_type, body FROM contents WHERE n BETWEEN $1 AND $2`, first-around, last+around)
}

// collect adds the contents that a query gives, but for those that lost their
// bytes.
func (s *Store) collect(ctx context.Context, found map[oci.Digest]oci.RawManifest, query string, args ...any) error {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var raw oci.RawManifest
		var sum, body sql.RawBytes
		if err := rows.Scan(&sum, &raw.MediaType, &body); err != nil {
			return err
		}
		raw.Digest = oci.FromSum(sum)
		if raw.Body = bytes.Clone(body); raw.Digest.Verify(raw.Body) == nil {
			found[raw.Digest] = raw
		}
	}
	return rows.Err()
}

// Fetched says when cached contents came from the registry; what is not cached,
// or was before that was written down, is left out.
func (s *Store) Fetched(ctx context.Context, digests []oci.Digest) (map[oci.Digest]time.Time, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT digest, at FROM contents WHERE at > 0 AND digest IN (SELECT unhex(value) FROM json_each($1))`, sums(digests))
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	fetched := make(map[oci.Digest]time.Time, len(digests))
	for rows.Next() {
		var sum sql.RawBytes
		var at int64
		if err := rows.Scan(&sum, &at); err != nil {
			return nil, translate(s.path, err)
		}
		fetched[oci.FromSum(sum)] = time.Unix(0, at).UTC()
	}
	return fetched, translate(s.path, rows.Err())
}

// AnyContents says whether anything is cached.
func (s *Store) AnyContents(ctx context.Context) (bool, error) {
	var any bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM contents)`).Scan(&any)
	return any, translate(s.path, err)
}

// Missing are those of many digests whose contents are not cached.
func (s *Store) Missing(ctx context.Context, digests []oci.Digest) (map[oci.Digest]bool, error) {
	if len(digests) == 0 {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `WITH wanted AS (SELECT unhex(value) AS sum FROM json_each($1))
		SELECT sum FROM wanted WHERE NOT EXISTS (SELECT 1 FROM contents WHERE digest = sum)`, sums(digests))
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	missing := map[oci.Digest]bool{}
	for rows.Next() {
		var sum sql.RawBytes
		if err := rows.Scan(&sum); err != nil {
			return nil, translate(s.path, err)
		}
		missing[oci.FromSum(sum)] = true
	}
	return missing, translate(s.path, rows.Err())
}

// KeepContents caches contents that were fetched at an instant, many in one write. When the cache is full the
// oldest go; what does not have its digest is not taken.
func (s *Store) KeepContents(ctx context.Context, at time.Time, contents ...oci.RawManifest) error {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	used := s.cache.used
	err := s.update(ctx, func(tx *sql.Tx) error {
		if !s.cache.counted {
			if err := tx.QueryRowContext(ctx, `SELECT coalesce(sum(size), 0) FROM contents`).Scan(&used); err != nil {
				return err
			}
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO contents (digest, media_type, size, body, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (digest) DO UPDATE SET media_type = excluded.media_type, size = excluded.size, body = excluded.body, at = excluded.at
			WHERE body <> excluded.body`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, raw := range contents {
			if raw.Digest.Verify(raw.Body) != nil || int64(len(raw.Body)) > s.cache.most {
				continue
			}
			result, err := insert.ExecContext(ctx, raw.Digest.Sum(), raw.MediaType, len(raw.Body), raw.Body, at.UnixNano())
			if err != nil {
				return err
			}
			if added, err := result.RowsAffected(); err != nil {
				return err
			} else if added > 0 {
				used += int64(len(raw.Body))
			}
		}
		for used > s.cache.most {
			var freed int64
			if err := tx.QueryRowContext(ctx, `WITH gone AS (SELECT n FROM contents ORDER BY n LIMIT 256)
				SELECT coalesce(sum(size), 0) FROM contents WHERE n IN gone`).Scan(&freed); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM contents WHERE n IN (SELECT n FROM contents ORDER BY n LIMIT 256)`); err != nil {
				return err
			}
			used -= freed
			if freed == 0 {
				break
			}
		}
		return nil
	})
	if err == nil {
		s.cache.used, s.cache.counted = used, true
	}
	return err
}
