package command

import (
	"strings"
	"testing"
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
