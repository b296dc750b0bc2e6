package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
)

// Keep archives the bytes of a manifest that is about to go. It needs no
// source: blobs are not kept here.
func (s *Store) Keep(_ context.Context, entry archive.Entry, _ archive.Source) error {
	if err := entry.Manifest.Digest.Verify(entry.Manifest.Body); err != nil {
		return fmt.Errorf("archive of %s/%s: %w", entry.Registry, entry.Repository, err)
	}
	tags, err := json.Marshal(entry.Tags)
	if err != nil {
		return err
	}
	return s.together(func(t shared) error {
		if err := t.exec(s.prepared.manifest, string(entry.Manifest.Digest), entry.Manifest.Body); err != nil {
			return err
		}
		return t.exec(s.prepared.archiving, entry.Run, entry.Seq, entry.Registry, entry.Repository, string(entry.Manifest.Digest),
			entry.Manifest.MediaType, string(tags), micros(entry.At))
	})
}

// Manifest gives back an archived manifest.
func (s *Store) Manifest(ctx context.Context, digest oci.Digest) (oci.RawManifest, error) {
	raw := oci.RawManifest{Digest: digest}
	err := s.read.QueryRowContext(ctx, `SELECT a.media_type, m.body FROM archived a JOIN manifests m ON m.digest = a.digest
		WHERE a.digest = $1 LIMIT 1`, string(digest)).Scan(&raw.MediaType, &raw.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return oci.RawManifest{}, archive.ErrNotKept
	}
	if err != nil {
		return oci.RawManifest{}, translate(s.path, err)
	}
	if err := digest.Verify(raw.Body); err != nil {
		return oci.RawManifest{}, &Error{Path: s.path, Kind: ErrDamaged, Err: err}
	}
	return raw, nil
}

// Entries lists what the steps of a run from first to last archived, by step,
// with the bytes.
func (s *Store) Entries(ctx context.Context, run string, first, last int) ([]archive.Entry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT a.seq, a.registry, a.repository, a.digest, a.media_type, a.tags, a.at, m.body
		FROM archived a JOIN manifests m ON m.digest = a.digest WHERE a.run = $1 AND a.seq BETWEEN $2 AND $3 ORDER BY a.seq`, run, first, last)
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	var entries []archive.Entry
	for rows.Next() {
		e := archive.Entry{Run: run}
		var tags string
		var at int64
		if err := rows.Scan(&e.Seq, &e.Registry, &e.Repository, &e.Manifest.Digest, &e.Manifest.MediaType, &tags, &at, &e.Manifest.Body); err != nil {
			return nil, translate(s.path, err)
		}
		if err := json.Unmarshal([]byte(tags), &e.Tags); err != nil {
			return nil, &Error{Path: s.path, Kind: ErrDamaged, Err: err}
		}
		if err := e.Manifest.Digest.Verify(e.Manifest.Body); err != nil {
			return nil, &Error{Path: s.path, Kind: ErrDamaged, Err: err}
		}
		e.At = fromMicros(at)
		entries = append(entries, e)
	}
	return entries, translate(s.path, rows.Err())
}
