package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) runsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "runs [RUN]",
		Short: "Show what ran, what it did, and what can still be undone",
		Long: `Lists the runs, the latest first: which tags went, and how far they can be put
back. With RUN every step of it, with all tags that went, and for what is in
quarantine until when it stays there.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				report, err := a.Run(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.showRun(report, a.RunSteps(cmd.Context(), report.Run))
			}
			reports, err := a.Runs(cmd.Context())
			if err != nil {
				return err
			}
			return p.showRuns(reports)
		},
	}
}

type runRecord struct {
	Type       string         `json:"type"` // "run"
	ID         string         `json:"id"`
	Plan       string         `json:"plan"`
	Kind       string         `json:"kind"`
	Registries []string       `json:"registries"`
	Status     string         `json:"status"`
	Started    time.Time      `json:"started"`
	Finished   *time.Time     `json:"finished,omitempty"`
	Undoes     string         `json:"undoes,omitempty"`
	Outcomes   map[string]int `json:"outcomes"`
	Left       int            `json:"left"`
	Undo       map[string]int `json:"undo"`
	UndoneBy   []string       `json:"undone_by,omitempty"`
	// Archive is where whole images were kept; ArchiveState present, missing or
	// remote (in a registry, not looked into).
	Archive      string `json:"archive,omitempty"`
	ArchiveState string `json:"archive_state,omitempty"`
	// Bytes that the plan expected to become free; absent where it could not
	// tell.
	Bytes      *int64 `json:"bytes_freed,omitempty"`
	BytesExact bool   `json:"bytes_exact,omitempty"`
	// Tags counts the root tags that went, or came back, and SomeTags names the
	// first of them; "runs RUN" has all, step by step.
	Tags     int      `json:"tags"`
	SomeTags []string `json:"some_tags,omitempty"`
	// Quarantined counts those that only quarantine has by now, the first of them
	// until QuarantineEnds.
	Quarantined    int        `json:"quarantined,omitempty"`
	QuarantineEnds *time.Time `json:"quarantine_ends,omitempty"`
}

func recordOf(r app.RunReport) runRecord {
	record := runRecord{
		Type: "run", ID: r.Run.ID, Plan: r.Run.PlanID, Kind: r.Run.Kind, Registries: r.Run.Registries,
		Status: string(r.Run.Status), Started: r.Run.Started, Finished: known(r.Run.Finished), Undoes: r.Run.Undoes,
		Outcomes: map[string]int{}, Left: r.Left, Undo: map[string]int{}, UndoneBy: r.UndoneBy,
	}
	record.Archive, record.ArchiveState = r.Run.Archive, string(r.Archive)
	if r.BytesKnown {
		record.Bytes, record.BytesExact = &r.Bytes, r.BytesExact
	}
	record.Tags, record.SomeTags = r.Tags.N, r.Tags.First
	record.Quarantined, record.QuarantineEnds = r.Held.Tags, known(r.Held.From)
	for status, n := range r.Counts {
		record.Outcomes[string(status)] = n
	}
	for how, n := range r.Undoable {
		record.Undo[string(how)] = n
	}
	return record
}

func (p *program) showRuns(reports []app.RunReport) error {
	if p.json() {
		lines := json.NewEncoder(p.t.out)
		for _, report := range reports {
			if err := lines.Encode(recordOf(report)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(reports) == 0 {
		_, err := fmt.Fprintln(p.t.out, "Nothing ran yet.")
		return err
	}
	t := newTable(p.t, "", "run", "age", "what", "registries", "status", "can be undone", "which tags")
	for _, r := range reports {
		t.row(r.Run.ID, age(p.clock(), r.Run.Started), didWhat(r), strings.Join(r.Run.Registries, ", "), p.runStatus(r), undoText(r), someOf(r.Tags.First, r.Tags.N))
	}
	w := bufio.NewWriter(p.t.out)
	t.write(w)
	return w.Flush()
}

func didWhat(r app.RunReport) string {
	done := r.Counts[journal.Done] + r.Counts[journal.AlreadyGone] + r.Counts[journal.AlreadyThere]
	verb := "removed"
	if r.Run.Kind == "restore" {
		verb = "put back"
	}
	total := done + r.Left
	if r.Steps > 0 {
		total = r.Steps
	}
	return fmt.Sprintf("%s %d of %s", verb, done, count(total, "step"))
}

func (p *program) runStatus(r app.RunReport) string {
	switch {
	case r.Run.Status == journal.Completed && r.Left == 0:
		return p.t.paint.green("completed")
	case r.Run.Status == journal.Completed:
		return p.t.paint.yellow("completed, " + count(r.Left, "step") + " not done")
	default:
		return p.t.paint.yellow(string(r.Run.Status) + ", can be resumed")
	}
}

func undoText(r app.RunReport) string {
	if r.Run.Kind != "remove" {
		return "–"
	}
	if len(r.UndoneBy) > 0 {
		return "was, by " + some(r.UndoneBy)
	}
	can := r.Undoable
	var parts []string
	if n := can[plan.UndoFull] - r.Held.Steps; n > 0 {
		parts = append(parts, fmt.Sprintf("%s any time", count(n, "step")))
	}
	if n := r.Held.Steps; n > 0 {
		parts = append(parts, fmt.Sprintf("%s until %s (quarantine)", count(n, "step"), heldUntil(r.Held)))
	}
	if n := can[plan.UndoUntilGC]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s until garbage is collected", count(n, "step")))
	}
	if n := can[plan.UndoNone]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s not", count(n, "step")))
	}
	return orElse(and(parts), "nothing to undo")
}

// archiveText says where the images of a run are kept, and what it freed.
func archiveText(r app.RunReport) string {
	var lines []string
	switch r.Archive {
	case app.ArchivePresent:
		lines = append(lines, "Archived at "+r.Run.Archive+".")
	case app.ArchiveMissing:
		lines = append(lines, "Archived at "+r.Run.Archive+", which is not there any more: name its new place with --archive.")
	case app.ArchiveRemote:
		lines = append(lines, "Archived at "+r.Run.Archive+" (not looked into).")
	}
	if r.BytesKnown && r.Bytes > 0 {
		most := "at most "
		if r.BytesExact {
			most = ""
		}
		lines = append(lines, fmt.Sprintf("Frees %s%s once the registry has collected its garbage.", most, size(r.Bytes)))
	}
	return strings.Join(lines, "\n")
}

func (p *program) showRun(r app.RunReport, steps iter.Seq2[[]app.RunStep, error]) error {
	view := runView{t: p.t, now: p.clock(), steps: steps}
	if p.json() {
		return view.writeJSON(r)
	}
	w := bufio.NewWriter(p.t.out)
	fmt.Fprintf(w, "%s  %s, started %s\n", p.t.paint.bold(r.Run.ID), p.runStatus(r), r.Run.Started.UTC().Format("2006-01-02 15:04:05 MST"))
	fmt.Fprintf(w, "%s on %s; can be undone: %s\n", capital(didWhat(r)), strings.Join(r.Run.Registries, ", "), undoText(r))
	writeWent(w, r)
	if text := archiveText(r); text != "" {
		fmt.Fprintln(w, text)
	}
	fmt.Fprintln(w)
	if err := view.writeSteps(w); err != nil {
		return errors.Join(err, w.Flush())
	}
	if r.Left > 0 {
		fmt.Fprintf(w, "\n%s left. Go on with: regkeep apply --resume %s\n", count(r.Left, "step is|steps are"), r.Run.ID)
	}
	return w.Flush()
}
