package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

func archived(steps int, kind, place string) *plan.Stored {
	outline := &plan.Outline{Header: plan.Header{Kind: kind, Archive: place}, Summary: plan.Summary{Steps: steps}}
	return outline.Stored(nil)
}

// The archive is the one that the user names, else the run's, else the plan's,
// else the configured one. A run that has kept images in one that is not there
// any more is not continued into a new one.
func TestWhichArchiveIsMeant(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return "oci:" + filepath.Join(dir, name) }
	configuration := filepath.Join(dir, "regkeep.yaml")
	if err := os.WriteFile(configuration, []byte("archive: "+at("configured")), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Config: configuration, State: filepath.Join(dir, "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "of-the-run"), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(name string) *journal.Run { return &journal.Run{Archive: at(name)} }
	for name, c := range map[string]struct {
		request    ApplyRequest
		want, fail string
	}{
		"configured":                    {ApplyRequest{Plan: archived(1, "remove", "")}, "configured", ""},
		"of the plan":                   {ApplyRequest{Plan: archived(1, "remove", at("planned"))}, "planned", ""},
		"of the run":                    {ApplyRequest{Plan: archived(1, "remove", at("planned")), Resume: run("of-the-run")}, "of-the-run", ""},
		"named":                         {ApplyRequest{Plan: archived(1, "remove", at("planned")), Resume: run("of-the-run"), Archive: at("named")}, "named", ""},
		"of the run, and gone":          {ApplyRequest{Plan: archived(1, "remove", ""), Resume: run("gone")}, "", "is not there. Nothing was done. If it was moved"},
		"of the run, and named":         {ApplyRequest{Plan: archived(1, "remove", ""), Resume: run("gone"), Archive: at("moved")}, "moved", ""},
		"nothing to do":                 {ApplyRequest{Plan: archived(0, "remove", "")}, "", ""},
		"put back without an archive":   {ApplyRequest{Plan: archived(1, "restore", "")}, "", ""},
		"put back, the archive is gone": {ApplyRequest{Plan: archived(1, "restore", at("gone"))}, "", "If it was moved, name its place with --archive"},
		"nonsense":                      {ApplyRequest{Plan: archived(1, "remove", ""), Archive: "nonsense"}, "", "write oci:DIRECTORY"},
		"a pattern":                     {ApplyRequest{Plan: archived(1, "remove", ""), Archive: "r.example.com/a/**"}, "", "write oci:DIRECTORY"},
	} {
		content, place, err := a.archiveFor(t.Context(), c.request)
		if content != nil {
			if err := content.close(); err != nil {
				t.Error(err)
			}
		}
		want := c.want
		if want != "" {
			want = at(want)
		}
		if place != want || (err != nil) != (c.fail != "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s: %q, %v; want %q, %q", name, place, err, want, c.fail)
		}
		if _, err := os.Stat(filepath.Join(dir, "gone")); err == nil {
			t.Fatalf("%s made an archive where one is gone", name)
		}
	}
}
