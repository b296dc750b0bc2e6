package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
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
	flags.Float64Var(&shape.Failing, "failing", 0, "part of the requests for manifests and blobs that is answered 502; a floor leaves these out and says so")
	flags.Float64Var(&shape.Knee.PerSecond, "knee", 0, "requests a second that it bears; 0: any number")
	flags.StringVar((*string)(&shape.Knee.Past), "past", string(synthetic.Refuse), "the knee: refuse (429), queue, or double (every answer takes 2.5 times as long)")
	flags.DurationVar(&shape.Knee.Burst, "burst", 100*time.Millisecond, "how much of the knee's allowance is saved up")
	flags.BoolVar(&shape.Knee.RetryAfter, "retry-after", false, "refusals say to come back in a second")
	flags.BoolVar(&shape.Knee.RateLimit, "rate-limit", false, "answers have RateLimit-Remaining")
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
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: counted(registry)}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println(listening, listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	fmt.Printf("%+v\n", registry.Counts())
	return nil
}

const (
	listening   = "listening on"
	countsPath  = "/-/counts"
	secondsPath = "/-/seconds"
)

// counted tells on countsPath what was asked since it told last, and on
// secondsPath what was answered, second by second.
func counted(registry *synthetic.Registry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case countsPath:
			_ = json.NewEncoder(w).Encode(registry.Counts())
			registry.Reset()
		case secondsPath:
			_ = json.NewEncoder(w).Encode(registry.Seconds())
		default:
			registry.ServeHTTP(w, request)
		}
	})
}

// child is a registry in a process of its own, so that its CPU and
// memory are nobody else's.
type child struct {
	host    string
	process *exec.Cmd
}

func startChild(ctx context.Context, program string, shape *synthetic.Shape) (*child, error) {
	return startProgram(ctx, []string{
		program, "serve", "-listen", "127.0.0.1:0",
		"-repositories", fmt.Sprint(shape.Repositories), "-tags", fmt.Sprint(shape.Tags), "-per-image", fmt.Sprint(shape.PerImage),
		"-latency", shape.Latency.String(), "-jitter", shape.Jitter.String(), "-failing", fmt.Sprint(shape.Failing),
		"-knee", fmt.Sprint(shape.Knee.PerSecond), "-past", string(shape.Knee.Past), "-burst", shape.Knee.Burst.String(),
		"-retry-after=" + fmt.Sprint(shape.Knee.RetryAfter), "-rate-limit=" + fmt.Sprint(shape.Knee.RateLimit),
	})
}

// startProgram starts a program that says where it listens.
func startProgram(ctx context.Context, command []string) (*child, error) {
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	host, found := strings.CutPrefix(strings.TrimSpace(line), listening+" ")
	if err != nil || !found {
		return nil, fmt.Errorf("the registry did not start: %q: %w", line, err)
	}
	return &child{host: host, process: process}, nil
}

// counts is what was asked since the last call.
func (c *child) counts() (counts synthetic.Counts, err error) {
	err = c.read(countsPath, &counts)
	return counts, err
}

func (c *child) read(path string, into any) error {
	response, err := http.Get("http://" + c.host + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func (c *child) stop() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}
