package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// smallDisk is a file system of so many KiB in a folder of its own.
func smallDisk(t *testing.T, kib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) || os.Getenv(live.RequireReal) != "" {
			t.Fatal(err)
		}
		t.Skipf("a small disk cannot be mounted here: %v; set %s=1 to make this a failure", err, live.RequireReal)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that fills up, under the archive or under the state: the message says
// so, nothing goes that was not written down and archived first, and with room
// again the run goes on to its end.
func TestAFullDiskLosesNothing(t *testing.T) {
	sizes := map[string]int{"oci": 300, "tar": 300, "state": 1024}
	for name, place := range map[string]func(disk string) (archive, state string){
		"oci":   func(disk string) (string, string) { return "oci:" + disk + "/kept", "" },
		"tar":   func(disk string) (string, string) { return "tar:" + disk + "/kept.tar", "" },
		"state": func(disk string) (string, string) { return "", disk + "/state.db" },
	} {
		t.Run(name, func(t *testing.T) {
			host := live.Distribution(t, server.Options{}).Host
			w := world.New(time.Now())
			r := w.Repository("app")
			for i := range 12 {
				m := r.Image(world.Image{Created: world.At(w.Now.AddDate(0, 0, -10*i)), Layers: []oci.Digest{w.Blob(bytes.Repeat([]byte{byte(i)}, 40<<10))}})
				r.Tag(fmt.Sprintf("v%d", i), m)
			}
			if err := w.Push(t.Context(), host); err != nil {
				t.Fatal(err)
			}
			before, err := world.Read(t.Context(), host, w.Digests())
			if err != nil {
				t.Fatal(err)
			}
			removed := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}
			for i := 1; i < 12; i++ {
				tag := fmt.Sprintf("v%d", i)
				removed.Removed[world.Ref{Repository: "app", Tag: tag}] = true
				removed.Doomed[world.Node{Repository: "app", Digest: r.Tags[tag]}] = true
			}
			check := func(what string, partial bool) {
				t.Helper()
				after, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				want := removed
				want.Partial = partial
				for _, problem := range world.Check(before, after, want) {
					t.Errorf("%s: %s", what, problem)
				}
			}

			disk := smallDisk(t, sizes[name])
			kept, state := place(disk)
			k := newKeeper(t)
			args := []string{"--yes"}
			if kept != "" {
				args = append(args, "--archive", kept)
			}
			file := filepath.Join(t.TempDir(), "plan.jsonl")
			must(t, k, "plan", host, "--older-than", "5d", "--keep", "1", "--output", file)
			if state != "" {
				k.state = state
				must(t, k, "runs") // makes the file
				fill(t, disk)
			}
			out, problems, code := k.run(append([]string{"apply", file}, args...)...)
			if code == 0 || !strings.Contains(problems, "no space left on") {
				t.Fatalf("exit %d: %s%s", code, out, problems)
			}
			t.Logf("%s", problems)
			check("on a full disk", true)
			if kept != "" && code != 1 {
				t.Errorf("exit code %d", code)
			}

			if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=4096k"); err != nil {
				t.Fatal(err)
			}
			args = append([]string{"apply", file}, args...)
			if runs := lines(t, must(t, k, "runs", "--format", "json")); len(runs) > 0 {
				args = []string{"apply", "--resume", runs[0].ID, "--yes"}
			}
			must(t, k, args...)
			check("in the end", false)
		})
	}
}

// fill leaves a page or two.
func fill(t *testing.T, disk string) {
	t.Helper()
	file, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(info.Size() - 8192); err != nil {
		t.Fatal(err)
	}
}

// Where there is no room for a state file, none is made, not even a part of
// one that would be in the way later.
func TestNoHalfStateOnAFullDisk(t *testing.T) {
	for kib := 40; kib <= 400; kib += 20 {
		disk := smallDisk(t, kib)
		k := newKeeper(t)
		k.state = disk + "/state.db"
		_, problems, code := k.run("runs")
		if _, err := os.Stat(k.state); (err == nil) != (code == 0) {
			t.Fatalf("%d KiB: exit %d, the file: %v; %s", kib, code, err, problems)
		}
		if code != 0 && !strings.Contains(problems, "no space left on") {
			t.Errorf("%d KiB: %s", kib, problems)
		}
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=4096k"); err != nil {
			t.Fatal(err)
		}
		must(t, k, "runs")
	}
}
