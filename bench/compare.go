package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func compare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	shape := shapeFlags(flags)
	peers := flags.Bool("peers", true, "build and run other clients: regctl, regbot, crane, oras; skopeo where installed")
	limit := flags.Duration("limit", 10*time.Minute, "of one run")
	inFlight := inFlightFlag(flags)
	runs := flags.Int("runs", 3, "of the floors and regkeep, in turn; the fastest of each counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	contestants, err := build(ctx, dir, *peers, strings.Split(*inFlight, ","))
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
func build(ctx context.Context, dir string, peers bool, inFlight []string) ([]contestant, error) {
	if err := goBuild(ctx, dir, "./cmd/regkeep", "./bench", "./bench/floor"); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "state.db")
	floor := filepath.Join(dir, "floor")
	plan := []string{filepath.Join(dir, "regkeep"), "plan", "HOST", "--older-than", "1d", "--keep", "5", "--quiet", "--format", "json", "--state", state}
	list := append(floors("floor, cold", inFlight, floor, "HOST"), contestant{name: "regkeep, cold", args: plan, cold: state})
	if peers {
		others, err := buildPeers(ctx, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, others...)
	}
	list = append(list, floors("floor, warm", inFlight, floor, "-warm", "HOST")...)
	return append(list, contestant{name: "regkeep, warm", args: plan}), nil
}

func inFlightFlag(flags *flag.FlagSet) *string {
	return flags.String("concurrency", "64,128,256", "requests in flight of the floors")
}

func goBuild(ctx context.Context, dir string, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"}, args...)...)
	command.Stderr = os.Stderr
	return command.Run()
}
