package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
)

// SavePlan writes a plan to a file, whole or not at all. A name that ends in
// .gz or .zst is compressed.
func SavePlan(path string, p *plan.Stored, verdicts plan.Selection) error {
	return savePlan(path, func(w io.Writer) error { return p.Copy(w, verdicts) })
}

func savePlan(path string, write func(io.Writer) error) error {
	err := writeWhole(path, func(w io.Writer) error {
		packed, err := pack(path, w)
		if err != nil {
			return err
		}
		return errors.Join(write(packed), packed.Close())
	})
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// writeWhole writes beside the place and moves the file there once it is on
// disk: a reader never meets half of it.
func writeWhole(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

func pack(path string, w io.Writer) (io.WriteCloser, error) {
	switch filepath.Ext(path) {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".zst":
		return compressor(w)
	default:
		return unclosed{w}, nil
	}
}

// mostPlan bounds what a compressed plan may unfold to.
const mostPlan = 4 << 30

func unpack(r io.Reader, head []byte) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return decompressor(r)
	default:
		return io.NopCloser(r), nil
	}
}

// textOf opens the text of a plan file, compressed or not, from its beginning.
func textOf(path string) plan.Opener {
	return func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in := bufio.NewReader(file)
		head, err := in.Peek(4)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, file.Close())
		}
		content, err := unpack(in, head)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
		}
		return planText{io.LimitReader(content, mostPlan), content, file}, nil
	}
}

type planText struct {
	io.Reader
	content, file io.Closer
}

func (t planText) Close() error { return errors.Join(t.content.Close(), t.file.Close()) }

// openPlan reads a plan once and checks it; path is for its errors.
func openPlan(path string, text plan.Opener) (*plan.Stored, error) {
	p, err := plan.Open(text)
	if err != nil {
		return nil, refusePlan(path, err)
	}
	return p, nil
}

func refusePlan(path string, err error) error {
	next := ""
	switch {
	default:
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, plan.ErrTampered), errors.Is(err, plan.ErrTruncated), errors.Is(err, plan.ErrSyntax):
		next = "Nothing was done; make a new plan with `regkeep plan --output FILE`"
	case errors.Is(err, plan.ErrVersion):
		next = "Make a new plan with this regkeep"
	case errors.Is(err, plan.ErrNotPlan):
		return &Failure{Kind: Usage, Err: fmt.Errorf("%s: %w", path, err), Next: "Name a file that `regkeep plan --output FILE` wrote"}
	}
	return &Failure{Kind: Refused, Err: fmt.Errorf("%s: %w", path, err), Next: next}
}

var planIDs = regexp.MustCompile(`^(\d{8}-\d{6}-[0-9a-f]{6}|undo-[0-9A-Za-z-]+)$`)

const keptPlan = ".plan.zst"

func (a *App) plansFolder() (string, error) {
	state, err := a.statePath()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(state), "plans"), nil
}

// forgetPlans takes away plans that expired a week ago, and what runs that were
// killed have left.
func (a *App) forgetPlans(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	clearUnfinished(folder, entries)
	limit := a.opts.Clock().Add(-a.planMaxAge() - 7*24*time.Hour)
	for _, entry := range entries {
		id, ours := strings.CutSuffix(entry.Name(), keptPlan)
		if info, err := entry.Info(); err == nil && ours && planIDs.MatchString(id) && info.ModTime().Before(limit) {
			_ = os.Remove(filepath.Join(folder, entry.Name())) // tried again next time
		}
	}
}

// LoadPlan reads a plan by file name or by its ID.
func (a *App) LoadPlan(named string) (*plan.Stored, error) {
	p, err := openPlan(named, textOf(named))
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if planIDs.MatchString(named) {
		folder, err := a.plansFolder()
		if err != nil {
			return nil, err
		}
		path := filepath.Join(folder, named+keptPlan)
		p, err := openPlan(path, textOf(path))
		if !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
		return nil, misuse("no plan %s is kept here; it may be of another --state or have expired long ago", named)
	}
	return nil, misuse("there is no file %s, and it is no plan ID", named)
}
