package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/regkeep/regkeep/internal/journal"
)

// Begin records a run with the whole text of its plan.
func (s *Store) Begin(ctx context.Context, run journal.Run, planText func() (io.ReadCloser, error)) error {
	registries, err := json.Marshal(run.Registries)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO runs (id, plan_id, plan_hash, kind, registries, undoes, tool, started, finished, status, plan, archive)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, x'', $10)`,
			run.ID, run.PlanID, run.PlanHash, run.Kind, string(registries), run.Undoes, run.Tool,
			micros(run.Started), string(journal.Running), run.Archive); err != nil {
			return err
		}
		return keepText(ctx, tx, run.ID, planText)
	})
}

// Intend records that a step is about to have its effect.
func (s *Store) Intend(_ context.Context, intent journal.Intent) error {
	return s.together(func(t shared) error {
		return t.exec(s.prepared.entry, intent.Run, intent.Seq, 0, "", "", "", "", string(intent.Action), "", "", micros(intent.At))
	})
}

// Record records what came of a step.
func (s *Store) Record(_ context.Context, o journal.Outcome) error {
	return s.together(func(t shared) error {
		return t.exec(s.prepared.entry, o.Run, o.Seq, 1, o.Registry, o.Repository, o.Tag, string(o.Digest), string(o.Action), string(o.Status), o.Error, micros(o.At))
	})
}

// Finish records that a run has ended.
func (s *Store) Finish(ctx context.Context, run string, status journal.RunStatus, at time.Time) error {
	return s.exec(ctx, `UPDATE runs SET status = $1, finished = $2 WHERE id = $3`, string(status), micros(at), run)
}

// Replay tells where a run stands.
func (s *Store) Replay(ctx context.Context, run string) (journal.State, error) {
	return s.Between(ctx, run, 0, math.MaxInt64)
}

// Between tells where the steps from first to last stand.
func (s *Store) Between(ctx context.Context, run string, first, last int) (journal.State, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, outcome, registry, repository, tag, digest, action, status, error, at
		FROM entries WHERE run = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq, n`, run, first, last)
	if err != nil {
		return journal.State{}, translate(s.path, err)
	}
	defer rows.Close()
	var entries []journal.Entry
	for rows.Next() {
		o := journal.Outcome{Run: run}
		var isOutcome int
		var at int64
		if err := rows.Scan(&o.Seq, &isOutcome, &o.Registry, &o.Repository, &o.Tag, &o.Digest, &o.Action, &o.Status, &o.Error, &at); err != nil {
			return journal.State{}, translate(s.path, err)
		}
		o.At = fromMicros(at)
		if isOutcome == 1 {
			entries = append(entries, journal.Entry{Outcome: &o})
		} else {
			entries = append(entries, journal.Entry{Intent: &journal.Intent{Run: run, Seq: o.Seq, Action: o.Action, At: o.At}})
		}
	}
	if err := rows.Err(); err != nil {
		return journal.State{}, translate(s.path, err)
	}
	return journal.Replay(entries), nil
}

const runColumns = `id, plan_id, plan_hash, kind, registries, undoes, tool, started, finished, status, archive`

func scanRun(row interface{ Scan(...any) error }) (journal.Run, error) {
	var run journal.Run
	var registries string
	var started, finished int64
	err := row.Scan(&run.ID, &run.PlanID, &run.PlanHash, &run.Kind, &registries, &run.Undoes, &run.Tool, &started, &finished, &run.Status, &run.Archive)
	if err != nil {
		return run, err
	}
	run.Started, run.Finished = fromMicros(started), fromMicros(finished)
	return run, json.Unmarshal([]byte(registries), &run.Registries)
}

// Run finds one run, or ErrNoRun.
func (s *Store) Run(ctx context.Context, id string) (journal.Run, error) {
	run, err := scanRun(s.read.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return run, fmt.Errorf("run %q: %w; `regkeep runs` lists them", id, ErrNoRun)
	}
	return run, translate(s.path, err)
}

// Runs lists all runs, the latest first.
func (s *Store) Runs(ctx context.Context) ([]journal.Run, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+runColumns+` FROM runs ORDER BY started DESC, id DESC`)
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	var runs []journal.Run
	for rows.Next() {
		run, err := scanRun(rows)
		if err != nil {
			return nil, translate(s.path, err)
		}
		runs = append(runs, run)
	}
	return runs, translate(s.path, rows.Err())
}

// Removals counts what the last n finished runs removed from a registry, the
// latest first. Runs that restored are not counted among them.
func (s *Store) Removals(ctx context.Context, registry string, n int) ([]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT (
			SELECT count(DISTINCT e.seq) FROM entries e
			WHERE e.run = r.id AND e.outcome = 1 AND e.registry = $1 AND e.status = 'done')
		FROM runs r WHERE r.kind = 'remove' AND r.finished > 0
			AND EXISTS (SELECT 1 FROM entries e WHERE e.run = r.id AND e.registry = $1)
		ORDER BY r.started DESC, r.id DESC LIMIT $2`, registry, n)
	if err != nil {
		return nil, translate(s.path, err)
	}
	defer rows.Close()
	var counts []int
	for rows.Next() {
		var count int
		if err := rows.Scan(&count); err != nil {
			return nil, translate(s.path, err)
		}
		counts = append(counts, count)
	}
	return counts, translate(s.path, rows.Err())
}
