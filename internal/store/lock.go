package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/regkeep/regkeep/internal/journal"
)

// Lock takes the lock of a registry, a file beside the state file, or fails at
// once with journal.ErrHeld. The system frees the lock of a process that dies.
func (s *Store) Lock(registryName string) (release func() error, err error) {
	dir := filepath.Join(filepath.Dir(s.path), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock of %s: %w", registryName, err)
	}
	lock := flock.New(filepath.Join(dir, lockName(registryName)))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock of %s: %w", registryName, err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: %w (lock file %s). Wait until it has finished", registryName, journal.ErrHeld, lock.Path())
	}
	return lock.Unlock, nil
}

// lockName is readable, and different for different registries.
func lockName(registryName string) string {
	sum := sha256.Sum256([]byte(registryName))
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, registryName)
	return readable[:min(60, len(readable))] + "-" + hex.EncodeToString(sum[:4]) + ".lock"
}
