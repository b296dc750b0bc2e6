package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/regkeep/regkeep/bench/synthetic"
)

// warmUp is how many seconds a client may look for the pace.
const warmUp = 10

// knee plans on registries that bear so many requests a second, and says what
// they went through after the first ten seconds.
func knee(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("knee", flag.ExitOnError)
	rates := flags.String("knees", "50,200,1000", "requests a second that the registries bear")
	latencies := flags.String("latencies", "2ms,5ms,20ms,50ms", "of their answers below the knee")
	pasts := flags.String("past", "refuse,queue,double", "what happens beyond the knee")
	jitter := flags.Float64("jitter", 0.2, "of the latency, up to that part more")
	seconds := flags.Int("seconds", 45, "that a plan takes at the knee")
	parallel := flags.Int("parallel", 4, "registries at a time")
	var extra synthetic.Knee
	flags.DurationVar(&extra.Burst, "burst", 100*time.Millisecond, "how much of the allowance is saved up")
	flags.BoolVar(&extra.RetryAfter, "retry-after", false, "refusals say to come back in a second")
	flags.BoolVar(&extra.RateLimit, "rate-limit", false, "answers have RateLimit-Remaining")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var shapes []*synthetic.Shape
	for _, past := range strings.Split(*pasts, ",") {
		for _, rate := range strings.Split(*rates, ",") {
			for _, latency := range strings.Split(*latencies, ",") {
				k := extra
				k.Past = synthetic.Past(past)
				var err error
				if k.PerSecond, err = strconv.ParseFloat(rate, 64); err != nil {
					return err
				}
				took, err := time.ParseDuration(latency)
				if err != nil {
					return err
				}
				shapes = append(shapes, &synthetic.Shape{
					Repositories: 1, Tags: int(k.PerSecond*float64(*seconds)*2/3) + 1, PerImage: 2, Now: time.Now(),
					Latency: took, Jitter: time.Duration(*jitter * float64(took)), Knee: k,
				})
			}
		}
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := goBuild(ctx, dir, "./cmd/regkeep", "./bench"); err != nil {
		return err
	}
	lines := make([]string, len(shapes))
	var runs sync.WaitGroup
	slots := make(chan struct{}, *parallel)
	for i, shape := range shapes {
		slots <- struct{}{}
		runs.Go(func() {
			defer func() { <-slots }()
			lines[i] = kneeOnce(ctx, dir, i, shape)
		})
	}
	runs.Wait()
	fmt.Printf("jitter %.0f %%, saved up %s, Retry-After %v, RateLimit %v; after the first %d s\n", *jitter*100, extra.Burst, extra.RetryAfter, extra.RateLimit, warmUp)
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "beyond the knee\tknee/s\tlatency\tanswered/s\tof the knee\trefused or slow\tin the first 10 s\t")
	for _, line := range lines {
		fmt.Fprintln(table, line)
	}
	return table.Flush()
}

// kneeOnce is one line of the table.
func kneeOnce(ctx context.Context, dir string, i int, shape *synthetic.Shape) string {
	line := fmt.Sprintf("%s\t%.0f\t%s\t", shape.Knee.Past, shape.Knee.PerSecond, shape.Latency)
	registry, err := startChild(ctx, filepath.Join(dir, "bench"), shape)
	if err != nil {
		return line + err.Error()
	}
	defer registry.stop()
	state := filepath.Join(dir, strconv.Itoa(i), "state.db")
	r := run(ctx, contestant{args: []string{
		filepath.Join(dir, "regkeep"), "plan", "HOST", "--older-than", "1d", "--keep", "5", "--quiet", "--format", "json", "--state", state,
	}}, registry.host, 10*time.Minute)
	if r.err != nil {
		return line + r.err.Error()
	}
	var seconds []synthetic.Second
	if err := registry.read(secondsPath, &seconds); err != nil {
		return line + err.Error()
	}
	if len(seconds) < warmUp+2 {
		return line + "too short"
	}
	var before, after synthetic.Second
	for n, s := range seconds[:len(seconds)-1] { // the last one is not whole
		sum := &after
		if n < warmUp {
			sum = &before
		}
		sum.Answered, sum.Refused, sum.Slow = sum.Answered+s.Answered, sum.Refused+s.Refused, sum.Slow+s.Slow
	}
	rate := float64(after.Answered+after.Slow) / float64(len(seconds)-1-warmUp)
	return line + fmt.Sprintf("%.0f\t%.0f %%\t%.2f %%\t%.1f %%\t", rate, 100*rate/shape.Knee.PerSecond, over(after), over(before))
}

// over is the share of requests that went over the knee, in percent.
func over(s synthetic.Second) float64 {
	return 100 * float64(s.Refused+s.Slow) / float64(s.Answered+s.Refused+s.Slow)
}
