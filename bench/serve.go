package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/regkeep/regkeep/bench/synthetic"
)

// shapeFlags declares the flags of a synthetic registry.
func shapeFlags(flags *flag.FlagSet) *synthetic.Shape {
	shape := &synthetic.Shape{Now: time.Now()}
	flags.IntVar(&shape.Repositories, "repositories", 1, "repositories")
	flags.IntVar(&shape.Tags, "tags", 5000, "tags in each repository")
	flags.IntVar(&shape.PerImage, "per-image", 2, "tags that share one digest")
	flags.DurationVar(&shape.Latency, "latency", 5*time.Millisecond, "of every answer")
	flags.DurationVar(&shape.Jitter, "jitter", 0, "up to this much more")
	flags.Float64Var(&shape.Knee, "knee", 0, "requests a second above which it answers 429; 0: none")
	return shape
}

func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	shape := shapeFlags(flags)
	listen := flags.String("listen", "127.0.0.1:5055", "loopback address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	registry := synthetic.New(*shape)
	address, stop, err := start(*listen, registry)
	if err != nil {
		return err
	}
	fmt.Println("listening on", address)
	<-ctx.Done()
	stop()
	fmt.Printf("%+v\n", registry.Counts())
	return nil
}

// start serves a handler until stop is called.
func start(listen string, handler http.Handler) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}
