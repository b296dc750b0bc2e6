// Command bench measures regkeep beside other clients on one registry.
//
//	go run ./bench serve -tags 5000 -per-image 2 -latency 5ms     a synthetic registry
//	go run ./bench compare                                        regkeep, the floor and other tools, one table
//	go run ./bench real                                           the floor and regkeep on real registries
//	go run ./bench knee                                           registries that bear so many requests a second
//	go run ./bench apply                                          the same for carrying out a plan
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	commands := map[string]func(context.Context, []string) error{
		"serve": serve, "compare": compare, "knee": knee, "real": realRegistries, "registry": registryCommand,
		"apply": compareApply,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench serve|compare|apply|knee|real|registry [flags]; each takes -h")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
