package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
}

// floorWarm is what the contestants after it are compared with.
const floorWarm = "floor, warm"

// result is what one run cost. Memory is peak resident bytes.
type result struct {
	contestant
	wall, cpu time.Duration
	memory    int64
	counts    synthetic.Counts
	err       error
}

func compare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	shape := shapeFlags(flags)
	peers := flags.Bool("peers", true, "build and run regctl, regbot, crane, and skopeo where installed")
	limit := flags.Duration("limit", 10*time.Minute, "of one contestant")
	concurrent := flags.Int("concurrency", 64, "requests in flight of the floor")
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
	fmt.Printf("%d repositories, %d tags each, %d tags an image, latency %s\n", shape.Repositories, shape.Tags, shape.PerImage, shape.Latency)
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "client\trequests\tper tag\twall\tof floor\tCPU\tpeak MB\t429\t")
	var base result
	for i, c := range contestants {
		if _, err := registry.counts(); err != nil {
			return err
		}
		r := run(ctx, c, registry.host, *limit)
		if r.counts, err = registry.counts(); err != nil {
			return err
		}
		if i == 0 || c.name == floorWarm {
			base = r
		}
		note := ""
		if r.err != nil {
			note = "  " + r.err.Error()
		}
		total := float64(r.counts.Total())
		fmt.Fprintf(table, "%s\t%.0f\t%.3f\t%s\t%.2f\t%s\t%.0f\t%d\t%s\n", c.name, total, total/float64(shape.Repositories*shape.Tags),
			r.wall.Round(time.Millisecond), r.wall.Seconds()/base.wall.Seconds(), r.cpu.Round(time.Millisecond), float64(r.memory)/1e6, r.counts.Throttled, note)
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// build makes the binaries and says how each is run.
func build(ctx context.Context, dir string, peers bool, concurrent int) ([]contestant, error) {
	goBuild := func(args ...string) error {
		command := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"}, args...)...)
		command.Stderr = os.Stderr
		return command.Run()
	}
	if err := goBuild("./cmd/regkeep", "./bench"); err != nil {
		return nil, err
	}
	program := func(name string) string { return filepath.Join(dir, name) }
	state := filepath.Join(dir, "state.db")
	floorArgs := []string{program("bench"), "floor", "-concurrency", fmt.Sprint(concurrent)}
	plan := []string{program("regkeep"), "plan", "HOST", "--older-than", "1d", "--keep", "5", "--quiet", "--format", "json", "--state", state, "--output", filepath.Join(dir, "plan.jsonl")}
	list := []contestant{
		{name: "floor, cold", args: slices.Concat(floorArgs, []string{"HOST"})},
		{name: "regkeep, cold", args: plan},
	}
	warm := []contestant{
		{name: floorWarm, args: slices.Concat(floorArgs, []string{"-warm", "HOST"})},
		{name: "regkeep, warm", args: plan},
	}
	if !peers {
		return append(list, warm...), nil
	}
	if err := goBuild("-modfile=bench/peers/go.mod", "github.com/regclient/regclient/cmd/regctl", "github.com/regclient/regclient/cmd/regbot", "github.com/google/go-containerregistry/cmd/crane"); err != nil {
		return nil, fmt.Errorf("build other clients: %w", err)
	}
	script := filepath.Join(dir, "regbot.yml")
	scripts := map[string]string{
		"crane.sh":  loop("crane ls --insecure $HOST/$R", "crane config --insecure $HOST/$R:$T"),
		"regctl.sh": loop("regctl --host reg=$HOST,tls=disabled tag ls $HOST/$R", "regctl --host reg=$HOST,tls=disabled image inspect $HOST/$R:$T --format '{{.Created}}'"),
		"skopeo.sh": loop("skopeo list-tags --tls-verify=false docker://$HOST/$R | sed -n 's/^ *\"\\(t-[0-9]*\\)\".*/\\1/p'", "skopeo inspect -n --tls-verify=false --config docker://$HOST/$R:$T"),
	}
	for name, body := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o755); err != nil {
			return nil, err
		}
	}
	path := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir}
	list = append(list, contestant{name: "regbot script", args: []string{"sh", "-c", regbotScript(script)}, env: path})
	for _, name := range []string{"crane", "regctl", "skopeo"} {
		if _, err := exec.LookPath(name); err == nil || name != "skopeo" {
			list = append(list, contestant{name: name + " loop", args: []string{"sh", filepath.Join(dir, name+".sh"), "HOST"}, env: path})
		}
	}
	return append(list, warm...), nil
}

// loop is what people write: list, then ask about every tag.
func loop(list, inspect string) string {
	return "set -e\nHOST=$1\nfor R in $(crane catalog --insecure $HOST); do\n  for T in $(" + list + "); do\n    " + inspect + " >/dev/null\n  done\ndone\n"
}

// regbotScript reads the creation time of every tag, as the example that ships
// with regbot does.
func regbotScript(path string) string {
	return `cat > ` + path + ` <<EOF
version: 1
creds: [{registry: "HOST", tls: disabled}]
scripts:
  - name: read
    script: |
      for _, r in pairs(repo.ls("HOST")) do
        for _, t in pairs(tag.ls("HOST/" .. r)) do
          local c = image.config("HOST/" .. r .. ":" .. t)
        end
      end
EOF
exec regbot once --dry-run -c ` + path
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
