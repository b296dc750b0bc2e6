package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
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

// Learn replaces what is known about a repository. Like KeepBaseline it shares
// its transaction with the other repositories of a run.
func (s *Store) Learn(_ context.Context, registryName, repository string, learned registry.Capabilities, at time.Time) error {
	body, err := json.Marshal(learned)
	if err != nil {
		return err
	}
	return s.together(func(t shared) error {
		return t.exec(s.prepared.capabilities, registryName, repository, string(body), micros(at))
	})
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
func (s *Store) KeepBaseline(_ context.Context, run, registryName, repository string, baseline journal.Baseline) error {
	body, err := json.Marshal(baseline)
	if err != nil {
		return err
	}
	return s.together(func(t shared) error {
		return t.exec(s.prepared.baseline, run, registryName, repository, string(body))
	})
}
