package usage

import (
	"strings"
	"testing"
	"time"
)

func TestAListSaysWhenItWasTrue(t *testing.T) {
	for text, want := range map[string]string{
		"a:1\n# as of 2026-11-01T10:00:00Z\nb:2 pod\n": "2026-11-01T10:00:00Z",
		"# as of\na:1\n":      "0001-01-01T00:00:00Z",
		"# as of yesterday\n": "",
	} {
		at, err := ReadList(t.Context(), strings.NewReader(text), "list", func(string, string) {})
		if (err == nil) != (want != "") || err == nil && at.Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v; want %q", text, at, err, want)
		}
	}
}

func TestFreshness(t *testing.T) {
	f := Freshness{MaxAge: time.Hour, Now: collectNow}
	for name, test := range map[string]struct {
		at    time.Time
		fresh bool
	}{
		"now":             {collectNow, true},
		"an hour ago":     {collectNow.Add(-time.Hour), true},
		"older":           {collectNow.Add(-time.Hour - time.Second), false},
		"a clock's error": {collectNow.Add(5 * time.Minute), true},
		"the future":      {collectNow.Add(5*time.Minute + time.Second), false},
		"no time":         {time.Time{}, false},
	} {
		if err := f.Check("list", test.at); (err == nil) != test.fresh {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Freshness{Now: collectNow}).Check("list", time.Time{}); err != nil {
		t.Errorf("where age does not matter: %v", err)
	}
}
