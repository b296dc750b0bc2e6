package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/demo"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// nexusPolicy is the request with what Nexus can tell on top: what was pulled
// lately stays.
const nexusPolicy = `version: 1
registries:
  nexus:
    url: %s
    username: %s
    password: {literal: %q}
policies:
  - repositories: ["docker-hosted/**"]
    rules:
      - tags: ["**"]
        remove: [{older_than: 30d}]
        keep: [{newest: 5}, {pulled_within: 14d}]
`

// demonstrateNexus tells the Nexus story, up to the bytes that come back.
func (p *program) demonstrateNexus(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "regkeep-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	started := p.clock()
	nexus, err := demo.StartNexus(started)
	if err != nil {
		return err
	}
	defer nexus.Close()
	file := filepath.Join(folder, "regkeep.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, nexusPolicy, nexus.URL, nexus.Username, nexus.Password), 0o600); err != nil {
		return err
	}
	a, err := app.New(app.Options{Config: file, State: filepath.Join(folder, "state.db"), Events: p.handle, Tool: "regkeep " + version(), Clock: p.clock})
	if err != nil {
		return err
	}
	p.app = a
	defer func() { err = errors.Join(err, p.close()); p.app = nil }()

	p.tell("This is an EMULATOR of Sonatype Nexus Repository (it answers like %s), not\nNexus itself: it runs inside this program at %s. The request: delete\nimages older than 30 days, keep at least 5 of each and whatever was pulled in\nthe last 14 days.", nexus.Version, nexus.URL)
	p.command("plan -f regkeep.yaml")
	made, err := p.demoPlan(ctx, a, policy.Flags{}, false)
	if err != nil {
		return err
	}
	p.command("apply " + made.Header.ID)
	result, err := p.demoApply(ctx, a, made, app.VerifyManifests)
	if err != nil {
		return err
	}
	if err := p.nexusUndo(ctx, a, made, result.RunID); err != nil {
		return err
	}
	p.tell("Deleting tags frees nothing in Nexus until two of its tasks have run:")
	p.command("reclaim nexus --create-tasks --yes")
	if err := p.reclaim(ctx, a, "nexus", app.ReclaimRequest{Wait: true, CreateTasks: true}, true); err != nil {
		return err
	}
	p.tell("That was all; it took %.1f s and leaves nothing behind. On your own Nexus:\n\n  regkeep doctor https://nexus.example.com\n  regkeep run https://nexus.example.com --older-than 30d --keep 5 --reclaim", p.clock().Sub(started).Seconds())
	return nil
}

func (p *program) nexusUndo(ctx context.Context, a *app.App, made *plan.Stored, run string) error {
	step, err := findStep(made, func(step plan.Step) bool { return step.Why == "root" && step.Tag != "" })
	if err != nil {
		return err
	}
	name := step.Registry + "/" + step.Repository + ":" + step.Tag
	p.tell("Until Nexus collects its garbage, a tag can be put back:")
	return p.demoRestore(ctx, a, run, name, app.VerifyManifests)
}
