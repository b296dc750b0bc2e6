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

func TestReadRefusesKeysOfNothing(t *testing.T) {
	for _, text := range []string{"a: {: 1}", "a: {~: 1}", "a: {null: 1}"} {
		if _, faults := Read([]byte(text)); len(faults) != 1 || faults[0].Line != 1 || faults[0].Column != 5 || !strings.Contains(faults[0].Message, "a key is missing") {
			t.Errorf("%s: %+v", text, faults)
		}
	}
	if _, faults := Read([]byte(`a: {"": 1, "null": 2}`)); len(faults) > 0 {
		t.Errorf("quoted: %+v", faults)
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

// YAML knows three ends of a line, and its parser counts all of them.
func TestEveryEndOfALineCounts(t *testing.T) {
	for name, end := range map[string]string{"unix": "\n", "windows": "\r\n", "old Macintosh": "\r"} {
		_, faults := Read([]byte("a: 1" + end + "b: 2" + end + "c: [x: {y: 1" + end + "d: 3" + end))
		if len(faults) != 1 || faults[0].Line != 4 || !strings.Contains(faults[0].Message, `in "d: 3"`) {
			t.Errorf("%s: %+v", name, faults)
		}
	}
}

// A place within a text is told where the file shows that text as it reads; a
// text that is folded or escaped is pointed at as a whole.
func TestPlacesWithinTexts(t *testing.T) {
	for text, want := range map[string][2]int{
		"a: bc d":                {1, 5},
		"a: 'bc d'":              {1, 6},
		"a: |\n  bc d\n":         {2, 4},
		"a: |\n  x\n  bc d\n":    {3, 4},
		"a: \"b\\x63 d\"":        {1, 4},
		"a: 'bc\n  d'":           {1, 4},
		"a: >\n  bc d\n":         {2, 4},
		"a: >\n  bc\n  d\n":      {1, 4},
		"é: {a: 'é', b: 'bc d'}": {1, 18},
	} {
		root, faults := Read([]byte(text))
		if len(faults) > 0 {
			t.Fatalf("%q: %+v", text, faults)
		}
		v := root.Fields[0].Value
		if v.Kind == Map {
			v = v.Field("b")
		}
		line := 1 + strings.Count(v.Text[:strings.Index(v.Text, "c")], "\n")
		if at := v.Within(line, 1); at.Line != want[0] || at.Column != want[1] {
			t.Errorf("%q: %d:%d, want %v", text, at.Line, at.Column, want)
		}
	}
}
