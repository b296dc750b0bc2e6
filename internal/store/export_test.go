package store

import (
	"context"
	"fmt"
	"runtime"
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

// Durability is the journal mode and the level of syncing of the connection
// that writes.
func (s *Store) Durability(t *testing.T) (mode string, synchronous int) {
	t.Helper()
	if err := s.write.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		t.Fatal(err)
	}
	if err := s.write.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil {
		t.Fatal(err)
	}
	return mode, synchronous
}

// Hold keeps writes from beginning until release is called.
func (s *Store) Hold(t *testing.T) (release func()) {
	t.Helper()
	connection, err := s.write.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = connection.Close() }
}

// AwaitQueue returns once a transaction has been begun and n writes wait
// behind it.
func (s *Store) AwaitQueue(n int) {
	for {
		s.writers.mu.Lock()
		there := s.writers.busy && len(s.writers.waiting) == n
		s.writers.mu.Unlock()
		if there {
			return
		}
		runtime.Gosched()
	}
}

// PutPlanInRow writes a plan in the way of versions before plan_texts.
func (s *Store) PutPlanInRow(t *testing.T, run, text string) {
	t.Helper()
	if err := s.exec(t.Context(), `UPDATE runs SET plan = $1 WHERE id = $2`, []byte(text), run); err != nil {
		t.Fatal(err)
	}
}
