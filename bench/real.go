package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"

	"github.com/regkeep/regkeep/bench/synthetic"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// application is the one repository of a real registry.
const application = "team/app"

// realRegistries runs the floors and regkeep on real registries on loopback, each in a
// process of its own with its content in memory.
func realRegistries(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("real", flag.ExitOnError)
	kinds := flags.String("kinds", "distribution,docker-registry,olareg", "registries")
	tags := flags.Int("tags", 2000, "tags of the repository, two on an image")
	runs := flags.Int("runs", 5, "of everybody, in turn; the fastest of each counts")
	inFlight := inFlightFlag(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	contestants, err := build(ctx, dir, false, strings.Split(*inFlight, ","))
	if err != nil {
		return err
	}
	for i := range contestants {
		for n, arg := range contestants[i].args {
			switch {
			case arg == "HOST" && contestants[i].floor:
				contestants[i].args[n] = "-repository=" + application
				contestants[i].args = append(contestants[i].args, "HOST")
			case arg == "HOST":
				contestants[i].args[n] = "HOST/" + application
			}
		}
	}
	for _, kind := range strings.Split(*kinds, ",") {
		if err := realOnce(ctx, dir, kind, *tags, *runs, contestants); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func realOnce(ctx context.Context, dir, kind string, tags, runs int, contestants []contestant) error {
	command := []string{filepath.Join(dir, "bench"), "registry", "-kind", kind}
	registry, err := startProgram(ctx, command)
	if err != nil {
		return err
	}
	defer registry.stop()
	shape := synthetic.Shape{Tags: tags, PerImage: 2, Now: time.Now()}
	if err := push(ctx, registry.host, application, shape); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	all := slices.Clone(contestants)
	if kind == "olareg" || kind == "zot" { // which have the referrers API
		for i, c := range all {
			if c.floor {
				all[i].args = slices.Insert(slices.Clone(c.args), 1, "-referrers")
			}
		}
	}
	results, err := contest(ctx, target{host: registry.host}, all, runs, 5*time.Minute)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d tags, two an image, the fastest of %d runs\n", kind, tags, runs)
	return show(results, tags, false)
}

// registryCommand serves an empty real registry until it is stopped.
func registryCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("registry", flag.ExitOnError)
	kind := flags.String("kind", "distribution", "distribution (3), docker-registry (distribution 2.8, a Debian package), olareg, or zot (the program that REGKEEP_ZOT names)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var s *server.Server
	var err error
	switch *kind {
	case "distribution":
		s, err = server.StartDistribution(ctx, server.Options{})
	case "olareg":
		registry := olareg.New(olaregconfig.Config{Storage: olaregconfig.ConfigStorage{
			StoreType: olaregconfig.StoreMem,
			GC:        olaregconfig.ConfigGC{Frequency: -1, GracePeriod: -1, RepoUploadMax: -1},
		}})
		s, err = server.Serve(ctx, "olareg", "", registry, registry.Close)
	case "docker-registry":
		return dockerRegistry()
	case "zot":
		return zot()
	default:
		return fmt.Errorf("there is no registry %q here", *kind)
	}
	if err != nil {
		return err
	}
	fmt.Println(listening, s.Host)
	<-ctx.Done()
	return s.Close()
}

// dockerRegistry becomes Debian's docker-registry.
func dockerRegistry() error {
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		return errors.New("docker-registry is not installed (Debian package docker-registry)")
	}
	return become(program, func(host, _ string) string {
		return fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {inmemory: {}}\nhttp: {addr: %q, secret: bench}\n", host)
	})
}

// zot becomes the zot that somebody has.
func zot() error {
	program := os.Getenv("REGKEEP_ZOT")
	if program == "" {
		return errors.New("REGKEEP_ZOT names no zot")
	}
	return become(program, func(host, dir string) string {
		address, port, _ := net.SplitHostPort(host)
		return fmt.Sprintf(`{"distSpecVersion": "1.1.1", "storage": {"rootDirectory": %q, "gc": false}, "http": {"address": %q, "port": %q}, "log": {"level": "error"}}`, dir, address, port)
	})
}

// become replaces this process by a registry, with a configuration for an
// address and a directory.
func become(program string, config func(host, dir string) string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "regkeep-bench-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config(host, filepath.Join(dir, "content"))), 0o600); err != nil {
		return err
	}
	fmt.Println(listening, host)
	return syscall.Exec(program, []string{program, "serve", file}, os.Environ())
}
