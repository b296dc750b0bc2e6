package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// BoundCache makes the cache small.
func (s *Store) BoundCache(most int64) { s.cache.most = most }

// CacheSize is what the cache really holds.
func (s *Store) CacheSize(t *testing.T) (size int64) {
	t.Helper()
	if err := s.read.QueryRow(`SELECT sum(length(body)) FROM contents`).Scan(&size); err != nil {
		t.Fatal(err)
	}
	return size
}

// WaitAtMost shortens how long a write waits for another process.
func (s *Store) WaitAtMost(t *testing.T, d time.Duration) {
	t.Helper()
	if _, err := s.write.Exec(fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds())); err != nil {
		t.Fatal(err)
	}
}

// DamageContent puts other bytes in the place of cached ones.
func (s *Store) DamageContent(t *testing.T, digest oci.Digest) {
	t.Helper()
	if err := s.exec(t.Context(), `UPDATE contents SET body = x'00' WHERE digest = $1`, string(digest)); err != nil {
		t.Fatal(err)
	}
}
