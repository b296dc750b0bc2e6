package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// piece is how much of a compressed plan lies in one row.
	piece = 1 << 20
	// planWindow bounds what compressing and reading a plan takes of memory.
	planWindow = 1 << 20
)

// pieces writes the text of a plan into rows.
type pieces struct {
	ctx     context.Context
	tx      *sql.Tx
	run     string
	n       int
	pending []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.pending = append(p.pending, b...)
	if len(p.pending) < piece {
		return len(b), nil
	}
	return len(b), p.flush()
}

func (p *pieces) flush() error {
	if len(p.pending) == 0 {
		return nil
	}
	_, err := p.tx.ExecContext(p.ctx, `INSERT INTO plan_texts (run, n, body) VALUES ($1, $2, $3)`, p.run, p.n, p.pending)
	p.n, p.pending = p.n+1, p.pending[:0]
	return err
}

// keepText reads the text of a run's plan to its end. It has none where open is
// nil.
func keepText(ctx context.Context, tx *sql.Tx, run string, open func() (io.ReadCloser, error)) (err error) {
	if open == nil {
		return nil
	}
	text, err := open()
	if err != nil {
		return fmt.Errorf("the plan of run %s: %w", run, err)
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	out := &pieces{ctx: ctx, tx: tx, run: run}
	packed, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(planWindow), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	if _, err := io.Copy(packed, text); err != nil {
		return errors.Join(fmt.Errorf("the plan of run %s: %w", run, err), packed.Close())
	}
	return errors.Join(packed.Close(), out.flush())
}

// PlanText opens the plan of a run as it was saved.
func (s *Store) PlanText(ctx context.Context, id string) (io.ReadCloser, error) {
	var whole []byte
	err := s.read.QueryRowContext(ctx, `SELECT plan FROM runs WHERE id = $1`, id).Scan(&whole)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("run %q: %w; `regkeep runs` lists them", id, ErrNoRun)
	}
	if err != nil {
		return nil, translate(s.path, err)
	}
	if len(whole) > 0 {
		return io.NopCloser(bytes.NewReader(whole)), nil
	}
	rows := &pieceReader{ctx: ctx, store: s, run: id}
	text, err := zstd.NewReader(rows, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*planWindow))
	if err != nil {
		return nil, err
	}
	return text.IOReadCloser(), nil
}

// pieceReader reads the rows of a plan one after the other.
type pieceReader struct {
	ctx   context.Context
	store *Store
	run   string
	n     int
	left  []byte
}

func (p *pieceReader) Read(b []byte) (int, error) {
	for len(p.left) == 0 {
		err := p.store.read.QueryRowContext(p.ctx, `SELECT body FROM plan_texts WHERE run = $1 AND n = $2`, p.run, p.n).Scan(&p.left)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, translate(p.store.path, err)
		}
		p.n++
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}
