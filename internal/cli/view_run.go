package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

// runView shows one run with its steps, as they are read.
type runView struct {
	t     *terminal
	now   time.Time
	steps iter.Seq2[[]app.RunStep, error]
}

func (v runView) writeJSON(report app.RunReport) error {
	lines := json.NewEncoder(v.t.out)
	if err := lines.Encode(recordOf(report)); err != nil {
		return err
	}
	for steps, err := range v.steps {
		if err != nil {
			return err
		}
		for _, s := range steps {
			if s.Outcome.Status == "" {
				continue
			}
			if err := lines.Encode(outcomeLine{
				Type: "outcome", Seq: s.Seq, Registry: s.Registry, Repository: s.Repository, Tag: s.Tag, Digest: s.Digest,
				Action: string(s.Outcome.Action), Status: string(s.Outcome.Status), Error: s.Outcome.Error, Undo: string(s.Undo),
				Takes: s.Takes, Quarantine: quarantine(&s), QuarantineEnds: known(s.QuarantineEnds),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// quarantine is where a step has put an image; "" where it has not.
func quarantine(s *app.RunStep) string {
	if s.QuarantineEnds.IsZero() {
		return ""
	}
	return s.Quarantine
}

// writeSteps writes a table a repository, so that a large run needs no more
// memory than its largest repository.
func (v runView) writeSteps(w *bufio.Writer) error {
	for steps, err := range v.steps {
		if err != nil {
			return err
		}
		t := newTable(v.t, "", "image", "tags that go along", "action", "status", "undo", "")
		for i := range steps {
			if s := &steps[i]; s.Outcome.Status != "" {
				t.row(s.Registry+"/"+s.Repository+named(s.Tag, s.Digest), strings.Join(s.Takes, ", "),
					string(s.Outcome.Action), string(s.Outcome.Status), v.undoable(s), v.remark(s))
			}
		}
		t.write(w)
	}
	return nil
}

// undoWord is how far a step can be undone, for a table.
var undoWord = map[plan.Reversal]string{plan.UndoFull: "any time", plan.UndoUntilGC: "until collected", plan.UndoNone: "no more"}

func (v runView) undoable(s *app.RunStep) string {
	if !s.UndoEnds.IsZero() {
		return "until " + date(s.UndoEnds)
	}
	return undoWord[s.Undo]
}

// remark is what else there is to say of a step.
func (v runView) remark(s *app.RunStep) string {
	switch {
	case s.QuarantineEnds.IsZero():
		return s.Outcome.Error
	case s.QuarantineEnds.After(v.now):
		return "in " + s.Quarantine + " until " + minute(s.QuarantineEnds)
	default:
		return "was in " + s.Quarantine + " until " + minute(s.QuarantineEnds)
	}
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// writeWent says which tags a run took away, or put back.
func writeWent(w io.Writer, r app.RunReport) {
	if r.Tags.N == 0 {
		return
	}
	verb := "Removed"
	if r.Run.Kind == "restore" {
		verb = "Put back"
	}
	fmt.Fprintf(w, "%s %s: %s.\n", verb, count(r.Tags.N, "tag"), someOf(r.Tags.First, r.Tags.N))
	if h := r.Held; h.Tags > 0 {
		fmt.Fprintf(w, "Of these %s in quarantine until %s.\n", count(h.Tags, "is|are"), heldUntil(h))
	}
}

// heldUntil is when what is held goes, the first of it first.
func heldUntil(h app.Held) string {
	if from := date(h.From); from != date(h.Until) {
		return from + ", the last until " + date(h.Until)
	}
	return date(h.From)
}
