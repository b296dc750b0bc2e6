package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/regkeep/regkeep/bench/synthetic"
)

// contestant is one way to find what is older than a day and not among the
// newest five. Args has HOST for the registry's address.
type contestant struct {
	name string
	args []string
	env  []string
	once bool   // too slow for several runs
	cold string // a state file that is taken away before each run
	// floor: what comes after floors, up to the next ones, is compared with the
	// fastest of them.
	floor bool
}

// floors makes one floor for each number of requests in flight: which is the best
// depends on the registry and the machine.
func floors(name string, inFlight []string, args ...string) []contestant {
	var all []contestant
	for _, n := range inFlight {
		all = append(all, contestant{
			name: name + ", " + n + " at once", floor: true,
			args: slices.Concat(args[:1], []string{"-concurrency", n}, args[1:]),
		})
	}
	return all
}

// result is what one run cost. Memory is peak resident bytes.
type result struct {
	contestant
	wall, cpu time.Duration
	memory    int64
	counts    synthetic.Counts
	err       error
}

// target is a registry that contestants are run on.
type target struct {
	host string
	// counts is what was asked since the last call; nil: not known.
	counts func() (synthetic.Counts, error)
}

// contest runs everybody in turn, several times, and keeps the fastest run of
// each: what disturbs one run only makes it slower.
func contest(ctx context.Context, on target, contestants []contestant, runs int, limit time.Duration) ([]result, error) {
	best := make([]result, len(contestants))
	for i := range runs {
		for n, c := range contestants {
			if i > 0 && c.once {
				continue
			}
			if c.cold != "" {
				for _, suffix := range []string{"", "-wal", "-shm"} {
					if err := os.RemoveAll(c.cold + suffix); err != nil {
						return nil, err
					}
				}
			}
			if on.counts != nil {
				if _, err := on.counts(); err != nil {
					return nil, err
				}
			}
			r := run(ctx, c, on.host, limit)
			if on.counts != nil {
				var err error
				if r.counts, err = on.counts(); err != nil {
					return nil, err
				}
			}
			if i == 0 || r.err == nil && r.wall < best[n].wall {
				best[n] = r
			}
		}
	}
	return best, ctx.Err()
}

// show prints a table; tags is how many there are in the registry.
func show(results []result, tags int, counted bool) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "client\trequests\tper tag\twall\tof floor\tCPU\tpeak MB\t")
	var base time.Duration
	for i, r := range results {
		if r.floor && (i == 0 || !results[i-1].floor) {
			base = fastest(results[i:])
		}
		note := ""
		if r.err != nil {
			note = "  " + r.err.Error()
		}
		requests, each := "", ""
		if total := r.counts.Total(); counted {
			requests, each = fmt.Sprint(total), fmt.Sprintf("%.3f", float64(total)/float64(tags))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.2f\t%s\t%.0f\t%s\n", r.name, requests, each,
			r.wall.Round(time.Millisecond), r.wall.Seconds()/base.Seconds(), r.cpu.Round(time.Millisecond), float64(r.memory)/1e6, note)
	}
	return table.Flush()
}

// fastest is the least time of the floors that results begin with.
func fastest(results []result) time.Duration {
	least := results[0].wall
	for _, r := range results {
		if !r.floor {
			break
		}
		least = min(least, r.wall)
	}
	return least
}

// run starts a contestant and reads the operating system's account of it.
func run(ctx context.Context, c contestant, host string, limit time.Duration) result {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("did not finish within "+limit.String()))
	defer cancel()
	args := make([]string, len(c.args))
	for i, arg := range c.args {
		args[i] = strings.ReplaceAll(arg, "HOST", host)
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Env = append(os.Environ(), c.env...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	var words strings.Builder
	command.Stderr = &words
	began := time.Now()
	err := command.Run()
	r := result{contestant: c, wall: time.Since(began)}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		text := strings.TrimSpace(words.String())
		r.err = fmt.Errorf("%w %s", err, text[:min(len(text), 300)])
	}
	if state := command.ProcessState; state != nil {
		r.cpu = state.UserTime() + state.SystemTime()
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			r.memory = usage.Maxrss * 1024
		}
	}
	return r
}
