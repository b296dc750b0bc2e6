package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

func (p *program) reclaimCommand() *cobra.Command {
	var request app.ReclaimRequest
	var yes bool
	cmd := &cobra.Command{
		Use:   "reclaim REGISTRY",
		Short: "Run the registry's own garbage collection, and report what came back",
		Long: `Removing images frees no disk by itself. On a Nexus this runs the tasks that do,
in their order, waits for them and reports the bytes that came back. Where no
request can do it, it says what the operator has to run. Afterwards what was
removed can no longer be put back from the registry.`,
		Example: `  regkeep reclaim https://nexus.example.com --create-tasks`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Timeout = p.flags.timeout
			a, err := p.open()
			if err != nil {
				return err
			}
			return p.reclaim(cmd.Context(), a, args[0], request, yes)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&yes, "yes", "y", false, "do it without asking")
	f.StringVar(&request.Repository, "repository", "", "only this Nexus `REPOSITORY`")
	f.BoolVar(&request.Wait, "wait", true, "wait for each task, at most as long as --timeout says")
	f.BoolVar(&request.CreateTasks, "create-tasks", false, "make tasks that are missing")
	f.StringArrayVar(&request.Tasks, "task", nil, "use the task with this `NAME` or id")
	return cmd
}

func (p *program) reclaim(ctx context.Context, a *app.App, registry string, request app.ReclaimRequest, yes bool) error {
	prepared, err := a.PrepareReclaim(ctx, registry, request)
	if err != nil {
		return err
	}
	defer prepared.Close()
	if len(prepared.Advice) > 0 {
		return errors.Join(p.advise(prepared), &shown{app.Failed})
	}
	for _, warning := range prepared.Warnings {
		p.say("%s %s", p.t.alarm.yellow("warning"), warning)
	}
	if len(prepared.Ends) > 0 {
		p.say("%s after this %s can no longer be undone: %s", p.t.alarm.yellow("warning"), count(len(prepared.Ends), "run"), some(prepared.Ends))
	}
	for i, step := range prepared.Steps {
		verb := "run"
		if step.Create {
			verb = "make and run"
		}
		p.say("%d. %s %s (%s)", i+1, verb, step.Task, step.Type)
	}
	if !yes {
		if !p.t.asks {
			return usageError("nobody is there to ask whether to run %s on %s: write --yes", count(len(prepared.Steps), "task"), registry)
		}
		if err := p.confirm(ctx, fmt.Sprintf("Run %s on %s", count(len(prepared.Steps), "task"), registry)); err != nil {
			return err
		}
	}
	report, err := prepared.Run(ctx)
	p.progress.clear()
	report.Warnings = slices.DeleteFunc(report.Warnings, func(warning string) bool { return slices.Contains(prepared.Warnings, warning) })
	return errors.Join(p.showReclaim(registry, report), err)
}

func (p *program) advise(prepared *app.Reclaim) error {
	if p.json() {
		return json.NewEncoder(p.t.out).Encode(map[string]any{"type": "reclaim", "registry": prepared.Info.Name, "done": false, "advice": prepared.Advice})
	}
	for _, line := range prepared.Advice {
		fmt.Fprintln(p.t.out, line)
	}
	return nil
}

func (p *program) showReclaim(registry string, report app.ReclaimReport) error {
	if p.json() {
		return json.NewEncoder(p.t.out).Encode(struct {
			Type     string `json:"type"`
			Registry string `json:"registry"`
			Done     bool   `json:"done"`
			app.ReclaimReport
		}{"reclaim", registry, true, report})
	}
	for _, warning := range report.Warnings {
		p.say("%s %s", p.t.alarm.yellow("warning"), warning)
	}
	tasks := newTable(p.t, "", "task", "result", "took")
	for _, step := range report.Steps {
		took := ""
		if step.Took > 0 {
			took = step.Took.Round(time.Second).String()
		}
		tasks.row(step.Task, orElse(step.Result, "not run"), took)
	}
	tasks.write(p.t.out)
	if !report.Measured {
		_, err := fmt.Fprintln(p.t.out, "How many bytes came back could not be measured.")
		return err
	}
	fmt.Fprintln(p.t.out)
	stores := newTable(p.t, "", "blob store", "before", "after")
	for _, store := range report.Stores {
		stores.row(store.Name, exactSize(store.BytesBefore), exactSize(store.BytesAfter))
	}
	stores.write(p.t.out)
	if report.Freed < 0 {
		_, err := fmt.Fprintf(p.t.out, "The blob stores grew by %s: more was pushed meanwhile than came back.\n", exactSize(-report.Freed))
		return err
	}
	_, err := fmt.Fprintln(p.t.out, p.t.paint.bold(exactSize(report.Freed)+" came back."))
	return err
}

// reclaimAll collects the garbage of every registry that a plan had steps for.
func (p *program) reclaimAll(ctx context.Context, a *app.App, made *plan.Stored) error {
	for _, info := range made.Header.Registries {
		if !made.StepsIn(info.Name) {
			continue
		}
		err := p.reclaim(ctx, a, info.Name, app.ReclaimRequest{Wait: true}, true)
		var told *shown
		if err != nil && !errors.As(err, &told) {
			return err
		}
	}
	return nil
}
