package store_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/store"
)

func opener(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

func planText(t *testing.T, s *store.Store, run string) string {
	t.Helper()
	text, err := s.PlanText(t.Context(), run)
	check(t, err)
	whole, err := io.ReadAll(text)
	check(t, errors.Join(err, text.Close()))
	return string(whole)
}

// A plan comes back as it was, however many pieces it lies in, and one that
// cannot be read to its end begins no run.
func TestPlanTexts(t *testing.T) {
	s := open(t)
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, 5<<20) // does not get smaller
	_, _ = random.Read(noise)
	for name, text := range map[string]string{"none": "", "short": "a plan", "long": string(noise), "repetitive": strings.Repeat("step\n", 1<<20)} {
		check(t, s.Begin(t.Context(), journal.Run{ID: name, Started: t0}, opener(text)))
		if got := planText(t, s, name); got != text {
			t.Errorf("%s: %d bytes came back of %d", name, len(got), len(text))
		}
	}
	check(t, s.Begin(t.Context(), journal.Run{ID: "unread", Started: t0}, nil))
	if text := planText(t, s, "unread"); text != "" {
		t.Errorf("%q", text)
	}
	broken := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("half"), failingReader{})), nil
	}
	if err := s.Begin(t.Context(), journal.Run{ID: "broken", Started: t0}, broken); !errors.Is(err, errReader) {
		t.Errorf("%v", err)
	}
	for _, id := range []string{"broken", "nobody's"} {
		if _, err := s.PlanText(t.Context(), id); !errors.Is(err, store.ErrNoRun) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Runs of earlier versions have the plan whole in their row.
func TestPlanTextOfAnEarlierVersion(t *testing.T) {
	s := open(t)
	check(t, s.Begin(t.Context(), journal.Run{ID: "r1", Started: t0}, nil))
	s.PutPlanInRow(t, "r1", "a plan of old")
	if text := planText(t, s, "r1"); text != "a plan of old" {
		t.Errorf("%q", text)
	}
}

var errReader = errors.New("the disk of the test cannot be read")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errReader }
