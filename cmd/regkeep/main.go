// Command regkeep decides which container images may go, shows why, removes
// exactly those, and proves that everything else still pulls.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/regkeep/regkeep/internal/cli"
	"github.com/regkeep/regkeep/internal/heap"
)

func main() {
	heap.Bound()
	ctx, stop := interruptible()
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible is a context that the first signal cancels, so that the step
// in hand is finished. A second signal ends the program at once; the journal
// lets a later run go on.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, open := <-signals; !open {
			return
		}
		fmt.Fprintln(os.Stderr, "\nregkeep: finishing the step in hand; once more to stop at once")
		cancel()
		if _, open := <-signals; open {
			os.Exit(130)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}
