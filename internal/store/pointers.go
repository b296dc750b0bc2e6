package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// Pointer is a tag and what it pointed at.
type Pointer struct {
	Tag    string
	Digest oci.Digest
}

// Recalled are the tags that the last complete scan of the repository saw, in the
// order of their names.
func (s *Store) Recalled(ctx context.Context, registryName, repository string) ([]Pointer, error) {
	var pointers []Pointer
	rows, err := s.read.QueryContext(ctx, `SELECT body FROM pointers WHERE registry = $1 AND repository = $2 ORDER BY first`, registryName, repository)
	for line, err := range linesOf(rows, err) {
		if err != nil {
			return nil, translate(s.path, err)
		}
		pointers = append(pointers, Pointer{Tag: line.tag, Digest: oci.Digest(line.digest)})
	}
	return pointers, nil
}

// line is a pointer and when it was seen first, in microseconds since 1970.
type line struct {
	tag, digest string
	at          int64
}

func (l line) compare(other line) int {
	return cmp.Or(strings.Compare(l.tag, other.tag), strings.Compare(l.digest, other.digest))
}

// broken says that the tag would be taken for two. No registry may list such; it is
// not written down, and so is fresh again next time.
func (l line) broken() bool { return strings.Contains(l.tag, "\n") }

// lines takes the body of a row apart. The strings are parts of it.
func lines(body string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for text := range strings.Lines(body) {
			digest, rest, _ := strings.Cut(text, " ")
			number, tag, _ := strings.Cut(rest, " ")
			at, err := strconv.ParseInt(number, 10, 64)
			tag, ended := strings.CutSuffix(tag, "\n")
			if err != nil || !ended {
				yield(line{}, &Error{Kind: ErrDamaged, Err: fmt.Errorf("no pointer: %.200q", text)})
				return
			}
			if !yield(line{tag: tag, digest: digest, at: at}, nil) {
				return
			}
		}
	}
}

// linesOf are the lines of all bodies that a query gives.
func linesOf(rows *sql.Rows, err error) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		if err != nil {
			yield(line{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var body string
			if err := rows.Scan(&body); err != nil {
				yield(line{}, err)
				return
			}
			for line, err := range lines(body) {
				if !yield(line, err) {
					return
				}
			}
		}
		if err := rows.Err(); err != nil {
			yield(line{}, err)
		}
	}
}

// pointersTogether is how many lines a row has when it is new. One that has come
// to more than twice as many is divided.
const pointersTogether = 1000

// change changes what is written of a repository: gone is taken out of it, and
// fresh put in where it is not there, both in order.
func change(ctx context.Context, tx *sql.Tx, registryName, repository string, gone, fresh []line) error {
	if slices.ContainsFunc(fresh, line.broken) {
		fresh = slices.DeleteFunc(slices.Clone(fresh), line.broken)
	}
	if len(gone)+len(fresh) == 0 {
		return nil
	}
	firsts, err := firstsOf(ctx, tx, registryName, repository)
	if err != nil {
		return err
	}
	for i, first := range firsts {
		before := func(lines []line) int {
			if i == len(firsts)-1 {
				return len(lines)
			}
			at, _ := slices.BinarySearchFunc(lines, firsts[i+1], func(l line, tag string) int { return strings.Compare(l.tag, tag) })
			return at
		}
		goes, comes := before(gone), before(fresh)
		if goes+comes > 0 {
			if err := rewrite(ctx, tx, registryName, repository, first, gone[:goes], fresh[:comes]); err != nil {
				return err
			}
		}
		gone, fresh = gone[goes:], fresh[comes:]
	}
	return insert(ctx, tx, registryName, repository, fresh)
}

// firstsOf are the first tags of all rows, in order.
func firstsOf(ctx context.Context, tx *sql.Tx, registryName, repository string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT first FROM pointers WHERE registry = $1 AND repository = $2 ORDER BY first`, registryName, repository)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var firsts []string
	for rows.Next() {
		var first string
		if err := rows.Scan(&first); err != nil {
			return nil, err
		}
		firsts = append(firsts, first)
	}
	return firsts, rows.Err()
}

// rewrite changes one row.
func rewrite(ctx context.Context, tx *sql.Tx, registryName, repository, first string, gone, fresh []line) error {
	const row = ` FROM pointers WHERE registry = $1 AND repository = $2 AND first = $3`
	var body string
	if err := tx.QueryRowContext(ctx, `SELECT body`+row, registryName, repository, first).Scan(&body); err != nil {
		return err
	}
	var stay []line
	for l, err := range lines(body) {
		if err != nil {
			return err
		}
		if _, goes := slices.BinarySearchFunc(gone, l, line.compare); !goes {
			stay = append(stay, l)
		}
	}
	stay = append(stay, fresh...)
	slices.SortStableFunc(stay, line.compare)
	stay = slices.CompactFunc(stay, func(a, b line) bool { return a.compare(b) == 0 })
	if _, err := tx.ExecContext(ctx, `DELETE`+row, registryName, repository, first); err != nil {
		return err
	}
	return insert(ctx, tx, registryName, repository, stay)
}

// insert writes lines in new rows.
func insert(ctx context.Context, tx *sql.Tx, registryName, repository string, lines []line) error {
	var body strings.Builder
	for len(lines) > 0 {
		n := len(lines)
		if n > 2*pointersTogether {
			n = pointersTogether
		}
		for n < len(lines) && lines[n].tag == lines[n-1].tag {
			n++
		}
		body.Reset()
		for _, l := range lines[:n] {
			fmt.Fprintf(&body, "%s %d %s\n", l.digest, l.at, l.tag)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO pointers (registry, repository, first, body) VALUES ($1, $2, $3, $4)`,
			registryName, repository, lines[0].tag, body.String()); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}
