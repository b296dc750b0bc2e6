//go:build kube || docker

package e2e_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// background runs a program until the test ends, or until stop is called.
func background(t *testing.T, dir, program string, args ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr = log, log
	command.Cancel, command.WaitDelay = func() error { return command.Process.Signal(os.Interrupt) }, 15*time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		_ = command.Wait()
	}
	t.Cleanup(stop)
	return stop
}
