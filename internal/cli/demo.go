package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/demo"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

func (p *program) demoCommand() *cobra.Command {
	var nexus bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: an embedded registry with images of many ages",
		Long: `Starts a real registry inside this program, fills it with the images of a
company that never was, and does on it what you would do on yours: plan, apply,
verify, undo. Everything is gone afterwards.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nexus {
				return p.demonstrateNexus(cmd.Context())
			}
			return p.demonstrate(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&nexus, "nexus", false, "tell the story on an emulated Nexus Repository")
	return cmd
}

// demonstrate tells the whole story on a registry of its own, with a state of
// its own.
func (p *program) demonstrate(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "regkeep-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	started := p.clock()
	registry, err := demo.Start(ctx, started)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	a, err := app.New(app.Options{
		State: filepath.Join(folder, "state.db"), Events: p.handle, Tool: "regkeep " + version(), Clock: p.clock,
		Getenv: func(string) string { return "" },
	})
	if err != nil {
		return err
	}
	p.app = a // closed at the end of the command, before the folder goes
	defer func() { err = errors.Join(err, p.close()); p.app = nil }()

	p.tell("A registry (CNCF distribution %s) runs inside this program at %s, with the\n%s of a web shop. The request: delete images older than 30 days,\nkeep at least 5 of each.", registry.Version, registry.Host, count(registry.Images, "image"))
	p.command("plan " + registry.Host + " --older-than 30d --keep 5")
	made, err := p.demoPlan(ctx, a, policy.Flags{OlderThan: "30d", Keep: 5}, true, registry.Host)
	if err != nil {
		return err
	}
	p.command("apply " + made.Header.ID)
	result, err := p.demoApply(ctx, a, made, app.VerifyBlobs)
	if err != nil {
		return err
	}
	if err := p.demoUndo(ctx, a, made, result.RunID); err != nil {
		return err
	}
	p.tell("That was all; it took %.1f s and leaves nothing behind. On your own registry:\n\n  regkeep plan HOST --older-than 30d --keep 5 --output plan.json\n  regkeep apply plan.json", p.clock().Sub(started).Seconds())
	return nil
}

func (p *program) tell(format string, args ...any) {
	fmt.Fprintf(p.t.out, "\n"+format+"\n", args...)
}

func (p *program) command(line string) {
	fmt.Fprintf(p.t.out, "\n%s\n\n", p.t.paint.cyan("$ regkeep "+line))
}

// demoPlan plans and shows it. Flags or names that are not given are taken from
// the configuration.
func (p *program) demoPlan(ctx context.Context, a *app.App, flags policy.Flags, given bool, names ...string) (*plan.Stored, error) {
	rules, err := a.Policy(flags, given)
	if err != nil {
		return nil, err
	}
	targets, err := a.Targets(names)
	if err != nil {
		return nil, err
	}
	made, err := a.Plan(ctx, app.PlanRequest{Targets: targets, Policy: rules})
	if err != nil {
		return nil, err
	}
	p.progress.clear()
	return made, planView{t: p.t, plan: made}.write(p.t.out)
}

// demoApply carries out a plan of the demonstration and shows what came of it.
func (p *program) demoApply(ctx context.Context, a *app.App, made *plan.Stored, level app.Level) (app.Result, error) {
	began := p.clock()
	view := newOutcomeView(p, made)
	request := app.ApplyRequest{Plan: made, Verify: level}
	view.watch(&request)
	result, err := a.Apply(ctx, request)
	p.progress.clear()
	if result.RunID != "" {
		err = errors.Join(view.finishText(result, p.clock().Sub(began)), err)
	}
	return result, err
}

// demoRestore puts one tag back and shows that it is.
func (p *program) demoRestore(ctx context.Context, a *app.App, run, name string, level app.Level) error {
	p.command("undo " + run + " --only " + name)
	ref, err := a.ParseReference(name)
	if err != nil {
		return err
	}
	restore, err := a.PlanUndo(ctx, app.UndoRequest{Run: run, Only: []app.Reference{ref}})
	if err != nil {
		return err
	}
	_, err = p.demoApply(ctx, a, restore, level)
	return err
}

// demoUndo puts one release for two platforms back and shows that it is.
func (p *program) demoUndo(ctx context.Context, a *app.App, made *plan.Stored, run string) error {
	back, err := findStep(made, func(step plan.Step) bool {
		return step.Action == plan.DeleteManifest && step.Repository == "shop/storefront" && slices.Contains(step.Takes, "v2.3.0")
	})
	if err != nil {
		return err
	}
	name := back.Registry + "/" + back.Repository + ":" + back.Takes[0]
	p.tell("Somebody still needed %s. Manifests are kept before they go, so it\ncan be put back under its old digest:", back.Repository+":"+back.Takes[0])
	return p.demoRestore(ctx, a, run, name, app.VerifyBlobs)
}

// findStep finds the step that the story goes on with.
func findStep(made *plan.Stored, wanted func(plan.Step) bool) (plan.Step, error) {
	for repo, err := range made.Steps() {
		if err != nil {
			return plan.Step{}, err
		}
		if at := slices.IndexFunc(repo.Steps, wanted); at >= 0 {
			return repo.Steps[at], nil
		}
	}
	return plan.Step{}, errors.New("the plan of the demonstration does not remove what its story is about")
}
