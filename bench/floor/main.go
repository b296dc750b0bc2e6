// Command floor is the least that a client must send, as fast as a bare Go
// program sends it. It links nothing but net/http: what a larger program needs
// to start is not a registry's doing.
//
//	go run ./bench/floor HOST                    what is needed to know the age of every tag
//	go run ./bench/floor -warm HOST              one HEAD a tag
//	go run ./bench/floor -plan FILE HOST         carries out a plan: look, delete, look
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	concurrent := flag.Int("concurrency", 64, "requests in flight")
	warm := flag.Bool("warm", false, "one HEAD per tag and nothing else")
	referrers := flag.Bool("referrers", false, "ask who refers to each image, too")
	repository := flag.String("repository", "", "the only one to look at; \"\": those of the catalog")
	plan := flag.String("plan", "", "plan file to carry out")
	whole := flag.Bool("whole", false, "with -plan: also look at every tag before, and at every tag that stays after")
	flag.Parse()
	f := &floor{base: "http://" + flag.Arg(0), concurrent: *concurrent, warm: *warm, repository: *repository, referrers: *referrers, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: *concurrent, MaxConnsPerHost: *concurrent},
	}}
	began := time.Now()
	work := f.scan
	if *plan != "" {
		work = func(ctx context.Context) (int64, error) { return f.apply(ctx, *plan, *whole) }
	}
	requests, err := work(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
	fmt.Printf("%d requests in %s\n", requests, time.Since(began).Round(time.Millisecond))
}
