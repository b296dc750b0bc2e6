package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func compare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	shape := shapeFlags(flags)
	peers := flags.Bool("peers", true, "build and run other clients: regctl, regbot, crane, oras; skopeo where installed")
	limit := flags.Duration("limit", 10*time.Minute, "of one run")
	concurrent := flags.Int("concurrency", 64, "requests in flight of the floor")
	runs := flags.Int("runs", 3, "of the floors and regkeep, in turn; the fastest of each counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	contestants, err := build(ctx, dir, *peers, *concurrent)
	if err != nil {
		return err
	}
	registry, err := startChild(ctx, filepath.Join(dir, "bench"), shape)
	if err != nil {
		return err
	}
	defer registry.stop()
	fmt.Printf("%d repositories, %d tags each, %d tags an image, latency %s, the fastest of %d runs\n",
		shape.Repositories, shape.Tags, shape.PerImage, shape.Latency, *runs)
	results, err := contest(ctx, target{registry.host, registry.counts}, contestants, *runs, *limit)
	if err != nil {
		return err
	}
	return show(results, shape.Repositories*shape.Tags, true)
}

// build makes the binaries and says how each is run.
func build(ctx context.Context, dir string, peers bool, concurrent int) ([]contestant, error) {
	if err := goBuild(ctx, dir, "./cmd/regkeep", "./bench", "./bench/floor"); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "state.db")
	floorArgs := []string{filepath.Join(dir, "floor"), "-concurrency", fmt.Sprint(concurrent)}
	plan := []string{filepath.Join(dir, "regkeep"), "plan", "HOST", "--older-than", "1d", "--keep", "5", "--quiet", "--format", "json", "--state", state}
	list := []contestant{
		{name: floorCold, args: slices.Concat(floorArgs, []string{"HOST"})},
		{name: "regkeep, cold", args: plan, cold: state},
	}
	if peers {
		others, err := buildPeers(ctx, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, others...)
	}
	return append(list,
		contestant{name: floorWarm, args: slices.Concat(floorArgs, []string{"-warm", "HOST"})},
		contestant{name: "regkeep, warm", args: plan},
	), nil
}

func goBuild(ctx context.Context, dir string, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"}, args...)...)
	command.Stderr = os.Stderr
	return command.Run()
}
