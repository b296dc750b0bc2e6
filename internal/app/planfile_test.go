package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func somePlan() *plan.Plan {
	return &plan.Plan{
		Header: plan.Header{
			Type: "plan", Version: plan.Version, Kind: "remove", ID: "20260615-120000-abcdef", Created: noon, Now: noon, Expires: noon.Add(24 * time.Hour),
			Registries: []registry.Info{{Name: "r.example.com", URL: "https://r.example.com"}}, Evidence: []plan.Evidence{},
		},
		Steps: []plan.Step{{
			Type: "step", Seq: 1, Registry: "r.example.com", Repository: "a", Action: plan.DeleteManifest,
			Digest: oci.FromBytes([]byte("x")), Takes: []string{"v1"}, Why: "root", Undo: plan.UndoUntilGC,
		}},
		Summary: plan.Summary{Type: "summary", Steps: 1},
	}
}

func testApp(t *testing.T) *App {
	t.Helper()
	a, err := New(Options{
		State: filepath.Join(t.TempDir(), "state.db"), Getenv: func(string) string { return "" }, Clock: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestPlansAreReadAsTheyWereSaved(t *testing.T) {
	a := testApp(t)
	kept, err := a.keep(somePlan())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plan.json", "plan.json.gz", "plan.json.zst"} {
		path := filepath.Join(t.TempDir(), name)
		if err := SavePlan(path, kept, plan.All); err != nil {
			t.Fatal(err)
		}
		p, err := a.LoadPlan(path)
		if err != nil || p.Summary.Steps != 1 || p.Summary.Hash != kept.Summary.Hash {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if p, err := a.LoadPlan("20260615-120000-abcdef"); err != nil || p.Header.ID != "20260615-120000-abcdef" {
		t.Errorf("by its ID: %v", err)
	}
	for _, named := range []string{"20260615-120000-ffffff", "../plans/20260615-120000-abcdef", "nothing", ""} {
		if _, err := a.LoadPlan(named); err == nil || KindOf(err) != Usage {
			t.Errorf("%q: %v", named, err)
		}
	}
}

// A write that fails in the middle leaves what was there before, and nothing
// beside it.
func TestFilesAreWrittenWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "plan.json")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	err := writeWhole(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			t.Fatal(err)
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "before" {
		t.Errorf("the file holds %q", text)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestDamagedPlansAreRefused(t *testing.T) {
	a := testApp(t)
	path := filepath.Join(t.TempDir(), "plan.json")
	kept, err := a.keep(somePlan())
	if err != nil {
		t.Fatal(err)
	}
	if err := SavePlan(path, kept, plan.All); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		kind Kind
	}{
		"changed":    {strings.Replace(string(text), `"v1"`, `"v2"`, 1), Refused},
		"cut off":    {string(text[:len(text)-20]), Refused},
		"no summary": {string(text[:strings.LastIndex(strings.TrimSpace(string(text)), "\n")+1]), Refused},
		"no plan":    {"version: 1\n", Usage},
		"empty":      {"", Usage},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.LoadPlan(path); err == nil || KindOf(err) != test.kind {
			t.Errorf("%s: %v (kind %d)", name, err, KindOf(err))
		}
	}
}

func TestOldPlansAreForgotten(t *testing.T) {
	a := testApp(t)
	if _, err := a.keep(somePlan()); err != nil {
		t.Fatal(err)
	}
	folder, err := a.plansFolder()
	if err != nil {
		t.Fatal(err)
	}
	old, mine := filepath.Join(folder, "20200101-000000-aaaaaa"+keptPlan), filepath.Join(folder, "notes.txt")
	for _, path := range []string{old, mine} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, noon, noon.Add(-30*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	second := somePlan()
	second.Header.ID = "20260615-120001-bbbbbb"
	if _, err := a.keep(second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("a plan that expired long ago is still there")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error("a file that is no plan was taken away")
	}
	if _, err := a.LoadPlan("20260615-120000-abcdef"); err != nil {
		t.Error(err)
	}
}

// plansOf are the names in the folder of plans.
func plansOf(t *testing.T, a *App) []string {
	t.Helper()
	folder, err := a.plansFolder()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A plan that is given up leaves nothing; one that is being made by somebody
// else is left alone; what a killed process left goes with the next plan.
func TestUnfinishedPlansAreTakenAway(t *testing.T) {
	a := testApp(t)
	given := errors.New("cancelled")
	if _, err := a.write(somePlan().Header, plan.Options{}, func(*plan.Builder) (written, error) { return written{}, given }); !errors.Is(err, given) {
		t.Errorf("error %v", err)
	}
	if left := plansOf(t, a); len(left) != 0 {
		t.Errorf("given up, and left behind: %q", left)
	}
	alive, err := a.make()
	if err != nil {
		t.Fatal(err)
	}
	killed, err := a.make()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.lock.Unlock(); err != nil { // as the system does for a process that ends
		t.Fatal(err)
	}
	unlocked := filepath.Join(filepath.Dir(alive.folder), unfinished+"1")
	if err := os.Mkdir(unlocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := a.keep(somePlan()); err != nil {
		t.Fatal(err)
	}
	if left, want := plansOf(t, a), []string{filepath.Base(alive.folder), "20260615-120000-abcdef" + keptPlan}; !slices.Equal(left, want) {
		t.Errorf("there are %q, want %q", left, want)
	}
	if err := errors.Join(alive.close(), killed.close()); err != nil {
		t.Error(err)
	}
	if left := plansOf(t, a); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}

// Plans that are begun at the same time do not take away each other's folders,
// though each looks for what killed processes left.
func TestPlansThatBeginTogetherLeaveEachOtherAlone(t *testing.T) {
	a := testApp(t)
	var makers sync.WaitGroup
	for range 8 {
		makers.Go(func() {
			for range 50 {
				m, err := a.make()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(m.text.Name()); err != nil {
					t.Error(err)
				}
				if err := m.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	if left := plansOf(t, a); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
