package store

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

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
	if err := s.exec(t.Context(), `UPDATE contents SET body = x'00' WHERE digest = $1`, digest.Sum()); err != nil {
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

// CreateVersion makes the state file of an older regkeep and runs statements
// in it.
func CreateVersion(t *testing.T, path string, version int64, statements ...string) {
	t.Helper()
	s, err := connect(path, "OFF")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	for _, statement := range append(statements, fmt.Sprintf("PRAGMA application_id = %d", applicationID)) {
		if err := s.exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// DamagePointers takes the end off what was seen last of a repository.
func (s *Store) DamagePointers(t *testing.T, repository string) {
	t.Helper()
	if err := s.exec(t.Context(), `UPDATE pointers SET body = substr(body, 1, length(body) - 1) WHERE repository = $1`, repository); err != nil {
		t.Fatal(err)
	}
}

// PointerRows is how many lines each row of a repository has, in order.
// It fails where the order is broken, or a tag has lines in two rows.
func (s *Store) PointerRows(t *testing.T, repository string) (lengths []int) {
	t.Helper()
	rows, err := s.read.Query(`SELECT first, body FROM pointers WHERE repository = $1 ORDER BY first`, repository)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var last line
	for rows.Next() {
		var first, body string
		if err := rows.Scan(&first, &body); err != nil {
			t.Fatal(err)
		}
		n := 0
		for l, err := range lines(body) {
			switch {
			case err != nil:
				t.Fatal(err)
			case n == 0 && l.tag != first:
				t.Fatalf("a row that begins with %q says that it does with %q", l.tag, first)
			case n == 0 && len(lengths) > 0 && l.tag == last.tag:
				t.Fatalf("%q is in two rows", l.tag)
			case last.compare(l) >= 0:
				t.Fatalf("%v comes before %v", last, l)
			}
			last, n = l, n+1
		}
		lengths = append(lengths, n)
	}
	return lengths
}

// Newest is the digest that came last of those that are cached.
func (s *Store) Newest(t *testing.T) oci.Digest {
	t.Helper()
	var sum []byte
	if err := s.read.QueryRow(`SELECT digest FROM contents ORDER BY n DESC LIMIT 1`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return oci.FromSum(sum)
}
