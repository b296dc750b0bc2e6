package store

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

const (
	// mostTogether bounds the writes of one transaction, so that the first of them
	// does not wait long for the last.
	mostTogether = 512
	// gathers is how long a transaction is put off for more to come, where fewer
	// writes wait than the one before it had: a commit costs as much for one as for
	// many.
	gathers = time.Millisecond
)

// writers are the writes that wait. Those that wait at the same time share one
// transaction and its sync, which costs more than the writes themselves.
type writers struct {
	mu      sync.Mutex
	waiting []waiting
	busy    bool
}

type waiting struct {
	write func(shared) error
	done  chan<- error
}

// shared is the transaction.
type shared struct{ tx *sql.Tx }

func (t shared) exec(statement *sql.Stmt, args ...any) error {
	_, err := t.tx.Stmt(statement).Exec(args...) // closed with the transaction
	return err
}

// together runs write in a transaction with whatever else waits, in the order
// in which they came, and returns once that is on disk. A write may run twice,
// the first time in a transaction that is rolled back. Nobody is left behind
// by a caller that stops waiting, so nobody does.
func (s *Store) together(write func(shared) error) error {
	done := make(chan error, 1)
	w := &s.writers
	w.mu.Lock()
	w.waiting = append(w.waiting, waiting{write, done})
	if !w.busy {
		w.busy = true
		go s.writeAll()
	}
	w.mu.Unlock()
	return <-done
}

// writeAll works until nobody waits. Who writes alone is not kept waiting.
func (s *Store) writeAll() {
	w := &s.writers
	for n := 0; ; {
		if n > 1 && s.writesWaiting() < n {
			time.Sleep(gathers)
		}
		w.mu.Lock()
		n = min(len(w.waiting), mostTogether)
		if n == 0 {
			w.busy, w.waiting = false, nil
			w.mu.Unlock()
			return
		}
		some := w.waiting[:n:n]
		w.waiting = w.waiting[n:]
		w.mu.Unlock()
		s.writeSome(some)
	}
}

func (s *Store) writesWaiting() int {
	s.writers.mu.Lock()
	defer s.writers.mu.Unlock()
	return len(s.writers.waiting)
}

// writeSome makes one transaction of all, or one of each where that fails: one
// write that cannot be made is no reason to lose the others.
func (s *Store) writeSome(all []waiting) {
	err := s.inOne(all)
	for _, one := range all {
		if err != nil && len(all) > 1 {
			one.done <- s.inOne([]waiting{one})
		} else {
			one.done <- err
		}
	}
}

func (s *Store) inOne(all []waiting) error {
	return s.update(context.Background(), func(tx *sql.Tx) error {
		for _, one := range all {
			if err := one.write(shared{tx}); err != nil {
				return err
			}
		}
		return nil
	})
}
