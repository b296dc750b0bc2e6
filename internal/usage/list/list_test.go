package list

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
)

func TestListAndItsAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "used")
	if err := os.WriteFile(path, []byte("r.example.com/a:1 web1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, now, now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	nothing := func(string, string) {}
	got := map[string]string{}
	if err := (Finder{Path: path, Freshness: usage.Freshness{MaxAge: 3 * time.Hour, Now: now}}).Find(t.Context(), func(image, what string) { got[image] = what }); err != nil || got["r.example.com/a:1"] != "web1" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := (Finder{Path: path, Freshness: usage.Freshness{MaxAge: time.Hour, Now: now}}).Find(t.Context(), nothing); err == nil || !strings.Contains(err.Error(), "max_age") {
		t.Errorf("a stale list counts as complete: %v", err)
	}
	if err := (Finder{Path: path, Freshness: usage.Freshness{Now: now.AddDate(1, 0, 0)}}).Find(t.Context(), nothing); err != nil {
		t.Errorf("without max_age: %v", err)
	}
	if err := (Finder{Path: path, Freshness: usage.Freshness{MaxAge: time.Hour, Now: now.Add(-3 * time.Hour)}}).Find(t.Context(), nothing); err == nil || !strings.Contains(err.Error(), "in the future") {
		t.Errorf("a list from the future counts as fresh: %v", err)
	}
	// What the list says of itself counts, not when it was copied here.
	if err := os.WriteFile(path, []byte("# as of 2026-11-01T11:30:00Z\nr.example.com/a:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for maxAge, fresh := range map[time.Duration]bool{time.Hour: true, 20 * time.Minute: false} {
		if err := (Finder{Path: path, Freshness: usage.Freshness{MaxAge: maxAge, Now: now}}).Find(t.Context(), nothing); (err == nil) != fresh {
			t.Errorf("max_age %s of a list of half an hour ago: %v", maxAge, err)
		}
	}
	if err := (Finder{Path: path + ".gone"}).Find(t.Context(), nothing); err == nil {
		t.Error("a missing list counts as complete")
	}
}
