package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/event"
)

// clock is a time that moves when it is told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func scan(c *clock, p *progress, seconds int) {
	p.handle(event.ScanStarted{Registry: "registry.example.com", Repositories: 120})
	for i := range seconds {
		c.at = c.at.Add(time.Second)
		p.handle(event.RepositoryScanned{Registry: "registry.example.com", Repository: "a", Tags: 10, Requests: int64(86 * (i + 1))})
	}
}

func TestProgressOffTheTerminal(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out}, false, c.now)
	scan(c, p, 59)
	if out.Len() > 0 {
		t.Fatalf("something was written within the first minute: %q", out.String())
	}
	scan(c, p, 2)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1 || strings.ContainsAny(lines[0], "\r\x1b") {
		t.Fatalf("after a minute: %q", out.String())
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out, live: true, errWidth: 200}, false, c.now)
	scan(c, p, 23)
	shown := out.String()
	last := shown[strings.LastIndex(shown, "\r\x1b[K"):]
	for _, want := range []string{"reading registry.example.com", "23 of 120 repositories", "230 tags", "1,978 requests, 86/s", "about 97s left"} {
		if !strings.Contains(last, want) && !strings.Contains(last, strings.Replace(want, "97s", "1m", 1)) {
			t.Errorf("%q has no %q", last, want)
		}
	}
	if strings.Contains(shown, "\n") {
		t.Error("a live line must stay on its line")
	}
	p.clear()
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Error("the line was not taken away")
	}
	before := out.Len()
	p.clear()
	if out.Len() != before {
		t.Error("there was nothing to take away")
	}
}

func TestProgressIsNotRedrawnTooOften(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out, live: true}, false, c.now)
	for range 10_000 {
		c.at = c.at.Add(time.Millisecond)
		p.handle(event.StepFinished{Of: 10_000, Status: "done"})
	}
	if n := strings.Count(out.String(), "\r"); n > 101 {
		t.Errorf("redrawn %d times in ten seconds", n)
	}
	if !strings.Contains(out.String(), "step 10,000 of 10,000") && !strings.Contains(out.String(), "step 9,9") {
		t.Errorf("%q", out.String())
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out, live: true, errWidth: 30}, false, c.now)
	scan(c, p, 5)
	for frame := range strings.SplitSeq(out.String(), "\r\x1b[K") {
		if n := len([]rune(frame)); n > 29 {
			t.Errorf("%d columns: %q", n, frame)
		}
	}
}

func TestQuietProgress(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out, live: true}, true, c.now)
	scan(c, p, 300)
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}

func TestProgressSaysWhatIsNotDone(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now}
	p := newProgress(&terminal{err: &out, live: true, errWidth: 100}, false, c.now)
	for _, e := range []event.Event{
		event.StepFinished{Of: 3, Status: "done"}, event.StepFinished{Of: 3, Status: "failed"},
		event.Waiting{Registry: "r", Seconds: 12, Why: "429"},
	} {
		c.at = c.at.Add(time.Second)
		p.handle(e)
	}
	if got := out.String(); !strings.Contains(got, "step 2 of 3 · 1 not done") || !strings.Contains(got, "r asks to wait 12s (429)") {
		t.Errorf("%q", got)
	}
}
