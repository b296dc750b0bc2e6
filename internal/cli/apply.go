package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
)

// effect is the flags of commands that change a registry.
type effect struct {
	yes    bool
	verify string
	// archive is where whole images are kept before they go.
	archive string
}

func (e *effect) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&e.yes, "yes", "y", false, "do it without asking")
	cmd.Flags().StringVar(&e.verify, "verify", "manifests", "look afterwards at what stays: tags, manifests or blobs")
}

// places is what --archive takes.
const places = "`PLACE`: oci:DIR, tar:FILE or REGISTRY/REPOSITORY"

// keeps binds --archive for commands that remove.
func (e *effect) keeps(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.archive, "archive", "", "keep whole images, before they go, at this "+places)
}

func (e *effect) level() (app.Level, error) {
	switch level := app.Level(e.verify); level {
	case app.VerifyTags, app.VerifyManifests, app.VerifyBlobs:
		return level, nil
	default:
		return "", usageError("--verify %s: there are tags, manifests and blobs", e.verify)
	}
}

func (p *program) applyCommand() *cobra.Command {
	var e effect
	var resume string
	cmd := &cobra.Command{
		Use:   "apply PLAN | apply --resume RUN",
		Short: "Carry out a saved plan, and verify what stays",
		Long: `Carries out a plan that "regkeep plan" made: a file, or the plan's ID. Every
step looks first: what moved since the plan was made is left alone. Afterwards
everything that stays in the repositories concerned is verified.`,
		Example: `  regkeep apply plan.json
  regkeep apply --resume 20260131T120000Z-1a2b3c4d`,
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (resume != "") {
				return usageError("apply needs a plan (a file or an ID), or --resume RUN")
			}
			if len(args) > 1 {
				return usageError("apply carries out one plan at a time")
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
			var request app.ApplyRequest
			if resume != "" {
				if request, err = a.Resumable(cmd.Context(), resume); err != nil {
					return err
				}
			} else {
				if request.Plan, err = a.LoadPlan(args[0]); err != nil {
					return err
				}
				if err := a.CheckFresh(request.Plan); err != nil {
					return err
				}
			}
			request.Verify, request.Archive = level, e.archive
			if err := p.agree(cmd.Context(), request.Plan, e.yes); err != nil {
				return err
			}
			if err := a.Accept(cmd.Context(), request.Plan.Header.ID); err != nil {
				return err
			}
			return p.carryOut(cmd.Context(), a, request)
		},
	}
	e.bind(cmd)
	e.keeps(cmd)
	cmd.Flags().StringVar(&resume, "resume", "", "continue the `RUN` that was stopped")
	return cmd
}

// agree has a person agree to the plan, or --yes.
func (p *program) agree(ctx context.Context, made *plan.Stored, yes bool) error {
	if yes || made.Summary.Steps == 0 {
		return nil
	}
	if !p.t.asks {
		return usageError("nobody is there to ask whether %s: write --yes to do it without asking", question(&made.Outline))
	}
	return p.confirm(ctx, capital(question(&made.Outline)))
}

// confirm asks a person. Anything but yes means that nothing is done.
func (p *program) confirm(ctx context.Context, what string) error {
	p.progress.clear()
	fmt.Fprintf(p.t.ask, "%s? Type yes: ", p.t.alarm.bold(what))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.t.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.t.ask)
		return ctx.Err()
	case got := <-answer:
		if got == "yes" {
			return nil
		}
		p.say("Nothing was done.")
		return &shown{app.Refused}
	}
}

// question says what the plan does, in numbers.
func question(made *plan.Outline) string {
	repositories, tags, images := made.Total()
	where := count(repositories, "repository|repositories")
	if made.Header.Kind == "restore" {
		return fmt.Sprintf("put back %s in %s", count(made.Summary.Steps, "manifest or tag|manifests and tags"), where)
	}
	what := count(tags, "tag")
	switch {
	case images > 0 && tags > 0:
		what += " and " + count(images, "untagged image")
	case images > 0:
		what = count(images, "untagged image")
	}
	return fmt.Sprintf("remove %s from %s", what, where)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// carryOut applies a plan and shows what came of it.
func (p *program) carryOut(ctx context.Context, a *app.App, request app.ApplyRequest) error {
	if request.Plan.Summary.Steps == 0 && request.Resume == nil {
		if p.json() {
			return newOutcomeView(p, request.Plan).nothing()
		}
		p.say("Nothing to do: the plan has no steps.")
		return nil
	}
	started := p.clock()
	view := newOutcomeView(p, request.Plan)
	view.watch(&request)
	result, err := a.Apply(ctx, request)
	if result.RunID == "" {
		return err
	}
	p.progress.clear()
	return errors.Join(view.finish(result, p.clock().Sub(started).Truncate(time.Millisecond)), outcomeOf(err))
}
