package nexustest

import (
	"testing"
	"time"
)

func TestRenderAsJackson(t *testing.T) {
	at := time.Date(2026, 3, 25, 22, 7, 55, 30_499_999, time.FixedZone("", 3600))
	value := object{
		{"items", array{object{{"a", "<&>"}, {"none", nil}, {"empty", object{}}}, object{{"a", 1}}}},
		{"list", []string{"x", "y"}}, {"nothing", array{}}, {"when", at}, {"never", time.Time{}},
		{"twice", nil}, {"twice", true}, {"map", map[string]string{"b": "2", "a": "1"}},
	}
	want := `{
  "items" : [ {
    "a" : "<&>",
    "none" : null,
    "empty" : { }
  }, {
    "a" : 1
  } ],
  "list" : [ "x", "y" ],
  "nothing" : [ ],
  "when" : "2026-03-25T21:07:55.030+00:00",
  "never" : null,
  "twice" : null,
  "twice" : true,
  "map" : {
    "a" : "1",
    "b" : "2"
  }
}`
	if got := string(render(value)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := string(line(object{{"a", array{1, 2}}})); got != `{"a":[1,2]}` {
		t.Errorf("on one line: %s", got)
	}
}

func TestSizesInWords(t *testing.T) {
	for size, want := range map[int64]string{0: "0.00 B", 1023: "1023.00 B", 1024: "1.00 KB", 2202010: "2.10 MB", 5 << 40: "5.00 TB"} {
		if got := inWords(size); got != want {
			t.Errorf("inWords(%d) = %q, want %q", size, got, want)
		}
	}
}
