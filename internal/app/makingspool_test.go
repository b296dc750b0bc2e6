package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// What waits is in a file only where it is more than mostHeld, and comes back
// twice as it was written.
func TestWhatWaitsIsHeldOrSpilled(t *testing.T) {
	for _, test := range []struct {
		writes  []int // bytes
		spilled bool
	}{
		{nil, false}, {[]int{100, mostHeld - 100}, false}, {[]int{100, mostHeld - 99}, true}, {[]int{mostHeld + 1}, true},
		{[]int{mostHeld, 1, 1 << 16, mostHeld}, true},
	} {
		s := &spool{path: filepath.Join(t.TempDir(), "steps.zst")}
		var want []byte
		for i, n := range test.writes {
			text := bytes.Repeat(fmt.Appendf(nil, "%d", i), n)
			want = append(want, text...)
			if wrote, err := s.Write(text); wrote != n || err != nil {
				t.Fatalf("%v: %d, %v", test.writes, wrote, err)
			}
		}
		for range 2 {
			text, err := s.Reader()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(text); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: other %d bytes came back, want %d; %v", test.writes, len(got), len(want), err)
			}
			if err := text.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(s.path); test.spilled != (err == nil) {
			t.Errorf("%v: the file: %v", test.writes, err)
		}
		s.close()
	}
}

func TestWhatCannotBeSpilledIsAnError(t *testing.T) {
	s := &spool{path: filepath.Join(t.TempDir(), "nowhere", "steps.zst")}
	defer s.close()
	if _, err := s.Write(make([]byte, mostHeld)); err != nil {
		t.Error(err)
	}
	if _, err := s.Write([]byte("\n")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// ofImages is a repository of n images, all of which go.
func ofImages(n int) (*inventory.Repository, policy.Report) {
	repo := &inventory.Repository{Registry: "r.example.com", Name: "app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}
	for i := range n {
		m := &inventory.Manifest{Digest: oci.FromBytes(fmt.Append(nil, i)), MediaType: oci.MediaTypeImage, Kind: oci.KindImage, Read: true}
		repo.Manifests[m.Digest] = m
		repo.Tags = append(repo.Tags, inventory.Tag{Name: fmt.Sprintf("v%06d", i), Digest: m.Digest})
	}
	report := policy.Report{Repository: "app"}
	for _, root := range repo.Roots() {
		report.Decisions = append(report.Decisions, policy.Decision{Root: root, Verdict: policy.Remove, Reasons: []policy.Reason{{Code: policy.CodeEverything}}})
	}
	return repo, report
}

// The plan is the same wherever its steps waited, and nothing of it is left
// beside it.
func TestAPlanOfManyStepsIsTheSame(t *testing.T) {
	for n, spilled := range map[int]bool{10: false, 10_000: true} {
		a := testApp(t)
		repo, report := ofImages(n)
		fill := func(builder *plan.Builder) (written, error) {
			return written{}, builder.Add(repo, report, policy.DefaultSettings())
		}
		header := plan.Header{ID: "20260615-120000-abcdef", Registries: []registry.Info{{Name: "r.example.com"}}}
		kept, err := a.write(header, plan.Options{}, func(builder *plan.Builder) (written, error) {
			end, err := fill(builder)
			folder, _ := a.plansFolder()
			found, _ := filepath.Glob(filepath.Join(folder, unfinished+"*", "steps.zst"))
			if spilled != (len(found) == 1) {
				t.Errorf("%d steps: files %q", n, found)
			}
			return end, err
		})
		if err != nil {
			t.Fatal(err)
		}
		var want, got bytes.Buffer
		builder := plan.NewBuilder(header, plan.Options{}, plan.Stream(&want, &plan.Held{}))
		if _, err := fill(builder); err != nil {
			t.Fatal(err)
		}
		if outline, err := builder.Finish(0, 0); err != nil || outline.Summary.Steps != n {
			t.Fatal(err, outline.Summary)
		}
		if err := kept.Copy(&got, plan.All); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d steps: another plan, %v", n, err)
		}
		if left := plansOf(t, a); len(left) != 1 {
			t.Errorf("left %q", left)
		}
	}
}
