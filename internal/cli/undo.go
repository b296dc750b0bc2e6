package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) undoCommand() *cobra.Command {
	var e effect
	var only []string
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "undo RUN | undo --archive PLACE [RUN]",
		Short: "Put back what a run removed",
		Long: `Puts back manifests, tags and attachments that a run removed, each under its old
digest. A tag that points elsewhere by now is left alone unless --overwrite is
written. What can be put back depends on the registry: its blobs lie there
until its garbage collection has run. What was archived can be put back at any
time, also where the state was lost: then the archive is named, and without RUN
the runs that it holds are listed. "regkeep runs" tells how far a run can be
undone.`,
		Example: `  regkeep undo 20260131T120000Z-1a2b3c4d --only registry.example.com/shop/cart:v1.4.0
  regkeep undo --archive oci:/srv/archive
  regkeep undo --archive oci:/srv/archive 20260131T120000Z-1a2b3c4d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 0 && e.archive == "" {
				return usageError("undo needs the RUN to put back (`regkeep runs` lists them), or --archive PLACE to list what an archive holds")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			level, err := e.level()
			if err != nil {
				return err
			}
			a, err := p.open()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return p.showArchive(cmd.Context(), a, e.archive)
			}
			var refs []app.Reference
			for _, written := range only {
				ref, err := a.ParseReference(written)
				if err != nil {
					return err
				}
				refs = append(refs, ref)
			}
			made, planErr := a.PlanUndo(cmd.Context(), app.UndoRequest{Run: args[0], Only: refs, Overwrite: overwrite, Archive: e.archive})
			if made == nil {
				return planErr
			}
			p.progress.clear()
			if !p.json() {
				if err := (planView{t: p.t, plan: made, verdicts: plan.All, quiet: p.flags.quiet}).write(p.t.out); err != nil {
					return err
				}
			}
			if err := p.agree(cmd.Context(), made, e.yes); err != nil {
				return err
			}
			if err := p.carryOut(cmd.Context(), a, app.ApplyRequest{Plan: made, Verify: level}); err != nil {
				return err
			}
			return outcomeOf(planErr)
		},
	}
	e.bind(cmd)
	cmd.Flags().StringVar(&e.archive, "archive", "", "where the images were kept, if the state is lost or the archive was moved; a "+places)
	cmd.Flags().StringArrayVar(&only, "only", nil, "put back only this `REF` (HOST/REPOSITORY:TAG or @DIGEST)")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "move tags back that point elsewhere by now")
	return cmd
}

// archivedRun is a line of what an archive holds.
type archivedRun struct {
	Type       string    `json:"type"` // "archived-run"
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Registries []string  `json:"registries"`
	Images     int       `json:"images"`
	Tags       int       `json:"tags"`
}

// showArchive lists the runs that an archive holds.
func (p *program) showArchive(ctx context.Context, a *app.App, place string) error {
	runs, err := a.ArchivedRuns(ctx, place)
	if err != nil {
		return err
	}
	p.progress.clear()
	if p.json() {
		lines := json.NewEncoder(p.t.out)
		for _, run := range runs {
			if err := lines.Encode(archivedRun{"archived-run", run.ID, run.At, run.Registries, run.Images, run.Tags}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(p.t.out, "The archive holds no run.")
		return err
	}
	t := newTable(p.t, "", "run", "age", "registries", "holds")
	for _, run := range runs {
		t.row(run.ID, age(p.clock(), run.At), strings.Join(run.Registries, ", "),
			fmt.Sprintf("%s under %s", count(run.Images, "manifest"), count(run.Tags, "tag")))
	}
	w := bufio.NewWriter(p.t.out)
	t.write(w)
	if err := w.Flush(); err != nil {
		return err
	}
	p.say("\nPut one back with: regkeep undo --archive %s %s", place, runs[0].ID)
	return nil
}
