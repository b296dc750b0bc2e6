package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/event"
)

// progress shows what happens while a command works: a line that redraws
// itself on a terminal, one line a minute elsewhere, nothing when quiet.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	live    bool
	quiet   bool
	paint   palette
	width   int
	now     func() time.Time
	started time.Time
	last    time.Time // of the last line that was shown
	shown   bool      // a live line stands on the terminal

	registry  string
	total     int
	done      int
	tags      int
	requests  map[string]int64
	step, of  int
	failed    int
	verified  int
	broken    int
	unseen    int
	task      string
	waiting   string
	stage     stage
	stageFrom time.Time
}

type stage uint8

const (
	idle stage = iota
	scanning
	applying
	verifying
	tasking
)

const (
	redraw   = 100 * time.Millisecond
	reminder = time.Minute
)

func newProgress(t *terminal, quiet bool, now func() time.Time) *progress {
	p := &progress{w: t.err, live: t.live, quiet: quiet, paint: t.alarm, width: usualWidth, now: now, started: now(), requests: map[string]int64{}}
	if t.errWidth > 0 {
		p.width = t.errWidth
	}
	p.last = p.started
	return p
}

// handle is an event.Handler.
func (p *progress) handle(e event.Event) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = ""
	switch e := e.(type) {
	case event.ScanStarted:
		p.enter(scanning)
		p.registry, p.total = e.Registry, p.total+e.Repositories
	case event.RepositoryScanned:
		p.enter(scanning)
		p.registry, p.done, p.tags = e.Registry, p.done+1, p.tags+e.Tags
		p.requests[e.Registry] = e.Requests
	case event.Sent:
		p.requests[e.Registry] = e.Requests
	case event.StepFinished:
		p.enter(applying)
		p.step, p.of = p.step+1, e.Of
		if !settled(e.Status) {
			p.failed++
		}
	case event.Verified:
		p.enter(verifying)
		p.verified++
		switch {
		case e.Unseen:
			p.unseen++
		case !e.OK:
			p.broken++
		}
	case event.TaskProgress:
		p.enter(tasking)
		p.registry, p.task = e.Registry, e.Task+": "+e.State
	case event.Waiting:
		p.waiting = fmt.Sprintf("%s asks to wait %s (%s)", e.Registry, span(time.Duration(e.Seconds*float64(time.Second))), e.Why)
	}
	p.show()
}

func settled(status string) bool { return status == "done" || status == "already-gone" }

func (p *progress) enter(s stage) {
	if p.stage != s {
		p.stage, p.stageFrom = s, p.now()
	}
}

func (p *progress) show() {
	now := p.now()
	interval := reminder
	if p.live {
		interval = redraw
	}
	if now.Sub(p.last) < interval {
		return
	}
	p.last = now
	if !p.live {
		fmt.Fprintln(p.w, p.line(now))
		return
	}
	line := p.line(now)
	if runes := []rune(line); len(runes) >= p.width {
		line = string(runes[:p.width-1])
	}
	fmt.Fprint(p.w, "\r\x1b[K"+p.paint.cyan(line))
	p.shown = true
}

// line says what is being done, how fast, and how long it may still take.
func (p *progress) line(now time.Time) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	done, total := 0, 0
	switch p.stage {
	case scanning:
		done, total = p.done, p.total
		add("reading %s", p.registry)
		add("%s of %s", thousands(int64(p.done)), count(p.total, "repository|repositories"))
		if p.tags > 0 {
			add("%s", count(p.tags, "tag"))
		}
		var requests int64
		for _, n := range p.requests {
			requests += n
		}
		if seconds := now.Sub(p.stageFrom).Seconds(); requests > 0 && seconds > 0 {
			add("%s, %.0f/s", count(requests, "request"), float64(requests)/seconds)
		}
	case applying:
		done, total = p.step, p.of
		add("removing")
		add("step %s of %s", thousands(int64(p.step)), thousands(int64(p.of)))
		if p.failed > 0 {
			add("%s not done", thousands(int64(p.failed)))
		}
	case verifying:
		add("verifying what stays")
		add("%s", count(p.verified, "image"))
		if p.unseen > 0 {
			add("%s could not be looked at", thousands(int64(p.unseen)))
		}
		if p.broken > 0 {
			add("%s broken", thousands(int64(p.broken)))
		}
	case tasking:
		add("%s", p.registry)
		add("%s", p.task)
	default:
		add("working")
	}
	if left := timeLeft(now.Sub(p.stageFrom), done, total); left != "" {
		add("%s", left)
	}
	if p.waiting != "" {
		add("%s", p.waiting)
	}
	return strings.Join(parts, " · ")
}

// timeLeft guesses from the pace so far; nothing is better than a guess after
// a few seconds.
func timeLeft(spent time.Duration, done, total int) string {
	if done == 0 || total <= done || spent < 3*time.Second {
		return ""
	}
	left := time.Duration(float64(spent) / float64(done) * float64(total-done))
	return "about " + span(left.Round(time.Second)) + " left"
}

// clear takes the live line off the terminal, so that what follows stands on a
// line of its own.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
