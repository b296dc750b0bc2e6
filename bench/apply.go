package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/regkeep/regkeep/bench/synthetic"
)

// compareApply removes half of every repository, with the floors and with
// regkeep, each from a fresh registry of the same shape.
func compareApply(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("apply", flag.ExitOnError)
	shape := shapeFlags(flags)
	kind := flags.String("kind", "digest", "of the removals: digest, or tag (every other tag of an image goes, the image stays)")
	limit := flags.Duration("limit", 10*time.Minute, "of one contestant")
	inFlight := inFlightFlag(flags)
	runs := flags.Int("runs", 1, "of each contestant; the fastest counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	choice := []string{"--older-than", "1h", "--keep", fmt.Sprint(shape.Tags / 2)}
	shape.PerImage = 1
	if *kind == "tag" {
		shape.PerImage = 2
		choice = []string{"--older-than", "1h", "--protect", "/.*[02468]/"}
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := goBuild(ctx, dir, "./cmd/regkeep", "./bench", "./bench/floor"); err != nil {
		return err
	}
	program := func(name string) string { return filepath.Join(dir, name) }
	planFile, state := filepath.Join(dir, "plan.jsonl"), filepath.Join(dir, "state.db")
	concurrencies := strings.Split(*inFlight, ",")
	groups := [][]contestant{
		floors("floor: look, delete, look", concurrencies, program("floor"), "-plan", planFile, "HOST"),
		floors("floor with the looks at the rest", concurrencies, program("floor"), "-plan", planFile, "-whole", "HOST"),
		{{name: "regkeep apply", args: []string{program("regkeep"), "apply", planFile, "--yes", "--quiet", "--format", "json", "--state", state}}},
	}
	fmt.Printf("%d repositories, %d tags each, half of them removed by %s, latency %s\n", shape.Repositories, shape.Tags, *kind, shape.Latency)
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "client\trequests\ta removal\twall\tof floor\tof floor with rest\tCPU\tpeak MB\t")
	removals := float64(shape.Repositories * shape.Tags / 2)
	var floors []result // the fastest of each group
	for _, group := range groups {
		best, err := applyBest(ctx, group, *runs, shape, dir, choice, *limit)
		if err != nil {
			return err
		}
		floors = append(floors, best)
		note := ""
		if best.err != nil {
			note = "  " + best.err.Error()
		}
		ratio := func(i int) string {
			if i >= len(floors) {
				return ""
			}
			return fmt.Sprintf("%.2f", best.wall.Seconds()/floors[i].wall.Seconds())
		}
		fmt.Fprintf(table, "%s\t%d\t%.2f\t%s\t%s\t%s\t%s\t%.0f\t%s\n", best.name, best.counts.Total(), float64(best.counts.Total())/removals,
			best.wall.Round(time.Millisecond), ratio(0), ratio(1), best.cpu.Round(time.Millisecond), float64(best.memory)/1e6, note)
	}
	return table.Flush()
}

// applyBest is the fastest run of the contestants of a group.
func applyBest(ctx context.Context, group []contestant, runs int, shape *synthetic.Shape, dir string, choice []string, limit time.Duration) (result, error) {
	var best result
	for i := range runs {
		for n, c := range group {
			r, err := applyOnce(ctx, c, shape, dir, choice, limit)
			if err != nil {
				return result{}, err
			}
			if i == 0 && n == 0 || r.err == nil && r.wall < best.wall {
				best = r
			}
		}
	}
	return best, nil
}

// applyOnce plans on a fresh registry and lets the contestant carry it out.
func applyOnce(ctx context.Context, c contestant, shape *synthetic.Shape, dir string, choice []string, limit time.Duration) (result, error) {
	if err := os.RemoveAll(filepath.Join(dir, "state.db")); err != nil {
		return result{}, err
	}
	registry, err := startChild(ctx, filepath.Join(dir, "bench"), shape)
	if err != nil {
		return result{}, err
	}
	defer registry.stop()
	planner := contestant{args: append([]string{
		filepath.Join(dir, "regkeep"), "plan", "HOST", "--quiet", "--format", "json",
		"--state", filepath.Join(dir, "state.db"), "--output", filepath.Join(dir, "plan.jsonl"),
	}, choice...)}
	if r := run(ctx, planner, registry.host, limit); r.err != nil {
		return result{}, fmt.Errorf("plan: %w", r.err)
	}
	if _, err := registry.counts(); err != nil {
		return result{}, err
	}
	r := run(ctx, c, registry.host, limit)
	r.counts, err = registry.counts()
	return r, err
}
