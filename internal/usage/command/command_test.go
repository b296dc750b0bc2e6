package command

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
)

func collect(t *testing.T, args ...string) (map[string]string, error) {
	t.Helper()
	got := map[string]string{}
	err := Finder{Args: args}.Find(t.Context(), func(image, what string) { got[image] = what })
	return got, err
}

func TestACommandListsImages(t *testing.T) {
	got, err := collect(t, "printf", `# used\nr.example.com/a:1 host web1\n\nr.example.com/b:2\n`)
	if err != nil || len(got) != 2 || got["r.example.com/a:1"] != "host web1" || !strings.Contains(got["r.example.com/b:2"], "line 4") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestACommandThatFailsIsNotComplete(t *testing.T) {
	for name, args := range map[string][]string{
		"exit status 3":    {"sh", "-c", "echo r.example.com/a:1; echo no route to cluster >&2; exit 3"},
		"no program named": {},
		"not found":        {"regkeep-no-such-program"},
	} {
		if _, err := collect(t, args...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if _, err := collect(t, "sh", "-c", "echo no route to cluster >&2; exit 3"); !strings.Contains(err.Error(), "no route to cluster") {
		t.Errorf("the program's own words are lost: %v", err)
	}
}

func TestACommandSaysAsOfWhen(t *testing.T) {
	fresh := usage.Freshness{MaxAge: time.Hour, Now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	for text, complete := range map[string]bool{"# as of 2026-11-01T11:30:00Z": true, "# as of 2026-11-01T10:30:00Z": false, "# nothing": false} {
		f := Finder{Args: []string{"printf", text + `\nr.example.com/a:1\n`}, Freshness: fresh}
		if err := f.Find(t.Context(), func(string, string) {}); (err == nil) != complete {
			t.Errorf("%q: %v", text, err)
		}
	}
}
