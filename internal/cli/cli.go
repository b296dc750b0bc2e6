// Package cli is the command line: one file per command, the views beside
// them.
//
// It promises that standard output carries the answer and standard error
// everything else, that exit codes are those of the contract, and that nothing
// is deleted before a person agreed or --yes was written. It decides nothing:
// every command calls a use case of package app and shows what came of it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
)

// Exit codes of the contract.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitPartial     = 4
	exitDamaged     = 5
	exitInterrupted = 130
)

// Main runs one command and returns its exit code. Cancelling the context
// stops it in order.
func Main(ctx context.Context, args []string, stdin, stdout, stderr *os.File) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, clock: time.Now}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, p.close())
	return p.finish(ctx, err)
}

// program is one call of regkeep.
type program struct {
	stdin, stdout, stderr *os.File
	clock                 func() time.Time
	flags                 globals
	t                     *terminal
	progress              *progress
	app                   *app.App
	started               bool // arguments and flags were understood
}

// finish shows the error, if there is one, and chooses the exit code.
func (p *program) finish(ctx context.Context, err error) int {
	if p.progress != nil {
		p.progress.clear()
	}
	if err == nil {
		return exitDone
	}
	var quiet *shown
	if errors.As(err, &quiet) {
		return exitCode(quiet.kind)
	}
	if p.t == nil {
		p.t = newTerminal(p.stdin, p.stdout, p.stderr, p.flags.noColor, os.Getenv)
	}
	if !p.started {
		fmt.Fprintf(p.stderr, "%s %v\n", p.t.alarm.red("regkeep:"), err)
		return exitUsage
	}
	if ctx.Err() != nil && app.KindOf(err) != app.Damaged {
		fmt.Fprintf(p.stderr, "%s stopped\n", p.t.alarm.yellow("regkeep:"))
		return exitInterrupted
	}
	fmt.Fprintf(p.stderr, "%s %v\n", p.t.alarm.red("regkeep:"), err)
	return exitCode(app.KindOf(err))
}

func exitCode(kind app.Kind) int {
	switch kind {
	case app.Usage:
		return exitUsage
	case app.Refused:
		return exitRefused
	case app.Partial:
		return exitPartial
	case app.Damaged:
		return exitDamaged
	case app.Interrupted:
		return exitInterrupted
	default:
		return exitFailed
	}
}

// shown is an error that the output already tells; only its exit code is left.
type shown struct{ kind app.Kind }

func (*shown) Error() string { return "already shown" }

// close ends what the command opened.
func (p *program) close() error {
	if p.app == nil {
		return nil
	}
	return p.app.Close()
}

// begin is called once arguments and flags were understood.
func (p *program) begin(cmd *cobra.Command) error {
	if err := p.flags.check(); err != nil {
		return err
	}
	p.t = newTerminal(p.stdin, p.stdout, p.stderr, p.flags.noColor, os.Getenv)
	p.progress = newProgress(p.t, p.flags.quiet || p.flags.format == "json" && !p.t.live, p.clock)
	setLog(p.stderr, p.flags.logLevel, p.flags.logFormat)
	p.started = true
	return nil
}

// open reads the configuration for a command that needs it.
func (p *program) open() (*app.App, error) {
	if p.app != nil {
		return p.app, nil
	}
	connection, err := p.flags.connection()
	if err != nil {
		return nil, err
	}
	p.app, err = app.New(app.Options{
		Config: p.flags.file, State: p.flags.state, Connection: connection,
		Events: p.handle, Tool: "regkeep " + version(), Clock: p.clock,
	})
	return p.app, err
}

func (p *program) json() bool { return p.flags.format == "json" }

// say writes a line for people to standard error, unless they asked for quiet.
func (p *program) say(format string, args ...any) {
	if p.flags.quiet {
		return
	}
	p.progress.clear()
	fmt.Fprintf(p.t.err, format+"\n", args...)
}

func usageError(format string, args ...any) error {
	return &app.Failure{Kind: app.Usage, Err: fmt.Errorf(format, args...)}
}
