package app

import (
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

	"github.com/klauspost/compress/zstd"

	"github.com/regkeep/regkeep/internal/plan"
)

// SavePlan writes a plan to a file, whole or not at all. A name that ends in
// .gz or .zst is compressed.
func SavePlan(path string, p *plan.Plan, verdicts plan.Selection) error {
	err := writeWhole(path, func(w io.Writer) error {
		packed, err := pack(path, w)
		if err != nil {
			return err
		}
		return errors.Join(plan.Write(packed, p, verdicts), packed.Close())
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
		return zstd.NewWriter(w)
	default:
		return unclosed{w}, nil
	}
}

// mostPlan bounds what a compressed plan may unfold to.
const mostPlan = 4 << 30

func unpack(r io.Reader, head []byte) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return r, nil
	}
}

// readPlan reads a plan file, compressed or not, with its text.
func readPlan(path string) (*plan.Plan, []byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	content, err := unpack(file, head[:n])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(content, mostPlan))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := plan.Read(bytes.NewReader(text))
	if err != nil {
		return nil, nil, refusePlan(path, err)
	}
	return p, text, nil
}

func refusePlan(path string, err error) error {
	next := ""
	switch {
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

// keep puts a plan beside the state, so that it can be applied by its ID, and
// forgets those that expired a week ago.
func (a *App) keep(p *plan.Plan) error {
	folder, err := a.plansFolder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keep the plan: %w", err)
	}
	a.forgetPlans(folder)
	return SavePlan(filepath.Join(folder, p.Header.ID+keptPlan), p, plan.All)
}

func (a *App) forgetPlans(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	limit := a.opts.Clock().Add(-a.planMaxAge() - 7*24*time.Hour)
	for _, entry := range entries {
		id, ours := strings.CutSuffix(entry.Name(), keptPlan)
		if info, err := entry.Info(); err == nil && ours && planIDs.MatchString(id) && info.ModTime().Before(limit) {
			_ = os.Remove(filepath.Join(folder, entry.Name())) // tried again next time
		}
	}
}

// LoadPlan reads a plan by file name or by its ID.
func (a *App) LoadPlan(named string) (*plan.Plan, []byte, error) {
	p, text, err := readPlan(named)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, text, err
	}
	if planIDs.MatchString(named) {
		folder, err := a.plansFolder()
		if err != nil {
			return nil, nil, err
		}
		p, text, err := readPlan(filepath.Join(folder, named+keptPlan))
		if !errors.Is(err, fs.ErrNotExist) {
			return p, text, err
		}
		return nil, nil, misuse("no plan %s is kept here; it may be of another --state or have expired long ago", named)
	}
	return nil, nil, misuse("there is no file %s, and it is no plan ID", named)
}

// planText is a plan as it is saved.
func planText(p *plan.Plan) ([]byte, error) {
	var text bytes.Buffer
	err := plan.Write(&text, p, plan.All)
	return text.Bytes(), err
}

func planFrom(text []byte) (*plan.Plan, error) { return plan.Read(bytes.NewReader(text)) }
