package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

func ago(days int) *time.Time {
	t := now.Add(-time.Duration(days) * day)
	return &t
}

// stored is a plan as the views get it.
func stored(t *testing.T, p *plan.Plan) *plan.Stored {
	t.Helper()
	p.Header.Type, p.Header.Version = "plan", plan.Version
	for i := range p.Steps {
		p.Steps[i].Type, p.Steps[i].Seq, p.Steps[i].Digest = "step", i+1, oci.FromBytes([]byte("x"))
	}
	for i := range p.Blocked {
		p.Blocked[i].Type = "blocked"
	}
	p.Summary.Steps, p.Summary.Blocked = len(p.Steps), len(p.Blocked)
	var text bytes.Buffer
	if err := plan.Write(&text, p, plan.All); err != nil {
		t.Fatal(err)
	}
	opened, err := plan.Open(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func example() *plan.Plan {
	digest := oci.FromBytes([]byte("x"))
	verdict := func(tag, verdict string, created *time.Time, reason plan.Reason) plan.Verdict {
		v := plan.Verdict{Type: "verdict", Registry: "r.example.com", Repository: "shop/cart", Tag: tag, Digest: digest, Verdict: verdict, Created: created, AgeFrom: "created", Size: 84_000_000, Reasons: []plan.Reason{reason}}
		if created == nil {
			v.AgeFrom = ""
		}
		return v
	}
	older := plan.Reason{Code: "older-than", Facts: map[string]any{"limit": "30d"}}
	return &plan.Plan{
		Header: plan.Header{Type: "plan", Kind: "remove", ID: "20260615-120000-abcdef", Now: now, Expires: now.Add(day), Registries: []registry.Info{{Name: "r.example.com"}}},
		Verdicts: []plan.Verdict{
			verdict("v1", "remove", ago(99), older),
			verdict("v10", "remove", ago(50), older),
			verdict("v9", "remove", ago(50), older),
			verdict("strange", "hold", nil, plan.Reason{Code: "unknown-age"}),
			verdict("v11", "keep", ago(3), plan.Reason{Code: "newest", Facts: map[string]any{"limit": 5, "of": 9, "rank": 1}}),
			verdict("", "remove", ago(200), older),
		},
		Steps: []plan.Step{
			{Seq: 1, Registry: "r.example.com", Repository: "shop/cart", Action: plan.Untag, Tag: "v10", Digest: digest, Why: "root", Siblings: []string{"stable", "production"}},
			{Seq: 2, Registry: "r.example.com", Repository: "shop/cart", Action: plan.DeleteManifest, Takes: []string{"v1"}, Digest: digest, Why: "root"},
			{Seq: 3, Registry: "r.example.com", Repository: "shop/cart", Action: plan.DeleteManifest, Digest: digest, Why: "child"},
			{Seq: 4, Registry: "r.example.com", Repository: "shop/cart", Action: plan.DeleteManifest, Digest: digest, Why: "attachment"},
		},
		Blocked: []plan.Blocked{{Registry: "r.example.com", Repository: "shop/cart", Tag: "v9", Digest: digest, Code: "tag-delete", By: []string{"v11"}}},
		Notices: []plan.Notice{
			{Type: "warning", Code: "share", Scope: "r.example.com", Message: "many tags go", Lift: "max_share"},
			{Type: "gap", Code: "tags", Scope: "r.example.com/shop/web", Message: "the list of tags could not be read: HTTP 500"},
		},
		Summary: plan.Summary{Repositories: 2, Roots: 6, Keep: 1, Remove: 4, Hold: 1, Steps: 4, Blocked: 1, BytesFreed: 168_000_000, BytesExact: true, Requests: 31, Seconds: 0.42},
	}
}

func TestPlanView(t *testing.T) {
	var out bytes.Buffer
	if err := (planView{t: &terminal{out: &out}, plan: stored(t, example())}).write(&out); err != nil {
		t.Fatal(err)
	}
	const want = `shop/cart  1 stay · 4 go · 1 on hold
  tag                             age   size          why
  v11                              3d  84 MB  keep    the newest of 9, the newest 5 stay
  v10                             50d  84 MB  remove  50d old (created), more than 30d; only this tag goes, the image stays as stable and production
  v9                              50d  84 MB  remove  50d old (created), more than 30d
  v1                              99d  84 MB  remove  99d old (created), more than 30d
  (untagged) sha256:2d711642b726  200d  84 MB  remove  200d old (created), more than 30d
  strange                           –  84 MB  hold    its age is not known
`
	got := out.String()
	if squeeze(got[:strings.Index(got, "  blocked")]) != squeeze(want) {
		t.Errorf("got\n%s", got)
	}
	for _, line := range []string{
		"  blocked v9 cannot go alone: this registry removes images only with all their tags, and v11 stays",
		"  with them go 1 platform image and 1 attachment (signatures and the like)",
		"gap r.example.com/shop/web: the list of tags could not be read: HTTP 500",
		"warning r.example.com: many tags go (setting: max_share)",
		"To remove: 4 tags from 1 of 2 repositories; 1 stays, 1 is on hold because something is not known.",
		"1 removal is blocked.",
		"Frees 168 MB once the registry has collected its garbage.",
		"31 requests in 0.4 s. Plan 20260615-120000-abcdef, good until 2026-06-16 12:00 UTC.",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	if strings.Index(got, "gap r.") > strings.Index(got, "warning r.") {
		t.Error("gaps come first")
	}
}

// squeeze makes runs of spaces one, so that the width of columns may change.
func squeeze(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(lines, "\n")
}

// Colour only where it was asked for, and nothing wider than the terminal.
func TestPlanViewOnATerminal(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		var out bytes.Buffer
		terminal := &terminal{out: &out, outWidth: width, paint: true}
		if err := (planView{t: terminal, plan: stored(t, example())}).write(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "\x1b[31mremove") {
			t.Errorf("%d: no colour", width)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if n := text.StringWidthWithoutEscSequences(line); n > width {
				t.Errorf("%d columns on a terminal of %d: %q", n, width, line)
			}
		}
	}
	var plain bytes.Buffer
	if err := (planView{t: &terminal{out: &plain}, plan: stored(t, example())}).write(&plain); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("escape sequences where there is no terminal")
	}
}

func TestPlanViewOfRemovalsOnly(t *testing.T) {
	var out bytes.Buffer
	if err := (planView{t: &terminal{out: &out}, plan: stored(t, example()), verdicts: plan.RemoveOnly}).write(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "v11  ") || !strings.Contains(got, "v10") || !strings.Contains(got, "1 stay · 4 go") {
		t.Errorf("got\n%s", got)
	}
}

func TestQuietPlanView(t *testing.T) {
	var out bytes.Buffer
	if err := (planView{t: &terminal{out: &out}, plan: stored(t, example()), quiet: true}).write(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "v10") || !strings.Contains(got, "gap ") || !strings.Contains(got, "To remove: 4 tags") {
		t.Errorf("got\n%s", got)
	}
}

func TestQuestion(t *testing.T) {
	if got := question(&stored(t, example()).Outline); got != "remove 2 tags from 1 repository" {
		t.Error(got)
	}
	restore := &plan.Plan{Header: plan.Header{Kind: "restore"}, Steps: []plan.Step{{Repository: "a"}, {Repository: "b"}}}
	if got := question(&stored(t, restore).Outline); got != "put back 2 manifests and tags in 2 repositories" {
		t.Error(got)
	}
	untagged := &plan.Plan{Steps: []plan.Step{{Why: "root"}, {Why: "child"}}}
	if got := question(&stored(t, untagged).Outline); got != "remove 1 untagged image from 1 repository" {
		t.Error(got)
	}
}
