package document

import (
	"strings"
	"testing"
)

func TestReadKnowsPlaces(t *testing.T) {
	root, faults := Read([]byte("a: 1\nb:\n  - x\n  - {c: \"2\", d: }\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	c := root.Field("b").Items[1].Field("c")
	if c.Path != "b[1].c" || c.Line != 4 || c.Column != 9 || c.Kind != Text || c.Text != "2" {
		t.Errorf("%+v", c)
	}
	if d := root.Field("b").Items[1].Field("d"); d.Kind != Null {
		t.Errorf("%+v", d)
	}
	if root.Field("a").Kind != Int || root.Field("nope") != nil {
		t.Error("a is a number, and nope is not there")
	}
}

func TestReadFindsEveryDuplicate(t *testing.T) {
	_, faults := Read([]byte("a: 1\na: 2\nb: {c: 1, c: 2}\n"))
	if len(faults) != 2 || faults[0].Line != 2 || faults[1].Line != 3 || faults[1].Path != "b.c" {
		t.Errorf("%+v", faults)
	}
}

func TestReadRefusesDepth(t *testing.T) {
	if _, faults := Read([]byte(strings.Repeat("[", 200) + strings.Repeat("]", 200))); len(faults) == 0 {
		t.Error("two hundred lists inside each other were read")
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"older_than", "newest", "tags", "within"}
	for word, want := range map[string]string{"older_then": "older_than", "olderThan": "older_than", "newset": "newest", "tag": "tags", "frobnicate": "", "x": ""} {
		if got := Suggest(word, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
