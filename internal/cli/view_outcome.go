package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// outcomeView shows what came of a plan. It is told as it happens and keeps
// numbers, and of what went wrong as much as a person reads.
type outcomeView struct {
	p        *program
	plan     *plan.Stored
	lines    *json.Encoder
	begun    bool
	achieved achieved
	troubles troubles
	broken   []app.Verification // the first of them
	unseen   []app.Verification // likewise
}

func newOutcomeView(p *program, made *plan.Stored) *outcomeView {
	return &outcomeView{p: p, plan: made, lines: json.NewEncoder(p.t.out)}
}

// watch has the view told what comes of a request.
func (v *outcomeView) watch(request *app.ApplyRequest) {
	request.Outcome, request.Verified = v.outcome, v.verified
}

type runLine struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Plan string `json:"plan"`
}

type outcomeLine struct {
	Type       string     `json:"type"`
	Seq        int        `json:"seq"`
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest"`
	Action     string     `json:"action"`
	Status     string     `json:"status"`
	Error      string     `json:"error,omitempty"`
	// Only in "runs RUN": how far it can be undone now, which tags went along,
	// and in which holding repository the image is until when.
	Undo           string     `json:"undo,omitempty"`
	Takes          []string   `json:"takes,omitempty"`
	Quarantine     string     `json:"quarantine,omitempty"`
	QuarantineEnds *time.Time `json:"quarantine_ends,omitempty"`
}

type verifyLine struct {
	Type       string     `json:"type"`
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest"`
	OK         bool       `json:"ok"`
	Unseen     bool       `json:"unseen,omitempty"` // it could not be looked at: neither whole nor known to be broken
	Error      string     `json:"error,omitempty"`
}

type applySummary struct {
	Type        string         `json:"type"`
	Run         string         `json:"run"`
	Plan        string         `json:"plan"`
	Steps       int            `json:"steps"`
	Outcomes    map[string]int `json:"outcomes"`
	Verified    int            `json:"verified"`
	Broken      int            `json:"broken"`
	Unseen      int            `json:"unseen,omitempty"`
	Interrupted bool           `json:"interrupted"`
	Undo        string         `json:"undo,omitempty"`
	Seconds     float64        `json:"seconds"`
}

// nothing is the JSON of a plan without steps.
func (v *outcomeView) nothing() error {
	return v.lines.Encode(applySummary{Type: "summary", Plan: v.plan.Header.ID, Outcomes: map[string]int{}})
}

// outcome counts one, and as JSON writes its line.
func (v *outcomeView) outcome(s plan.Step, o journal.Outcome) {
	if v.p.json() {
		v.begin(o.Run)
		v.encode(outcomeLine{
			Type: "outcome", Seq: o.Seq, Registry: o.Registry, Repository: o.Repository, Tag: o.Tag,
			Digest: o.Digest, Action: string(o.Action), Status: string(o.Status), Error: o.Error,
		})
		return
	}
	if o.Status == journal.Done {
		v.achieved.add(s)
	}
	if !o.Status.Succeeded() || o.Error != "" {
		v.troubles.add(o)
	}
}

// verified is the same for a look at what had to stay.
func (v *outcomeView) verified(check app.Verification) {
	switch {
	case v.p.json():
		v.encode(verifyLine{
			Type: "verify", Registry: check.Registry, Repository: check.Repository, Tag: check.Tag, Digest: check.Digest,
			OK: check.OK, Unseen: check.Unseen, Error: check.Error,
		})
	case check.Unseen:
		if len(v.unseen) < mostTroubles {
			v.unseen = append(v.unseen, check)
		}
	case !check.OK && len(v.broken) < mostTroubles:
		v.broken = append(v.broken, check)
	}
}

func (v *outcomeView) begin(run string) {
	if !v.begun {
		v.begun = true
		v.encode(runLine{Type: "run", ID: run, Plan: v.plan.Header.ID})
	}
}

// encode writes a line. An output that is gone does not stop a run; finish
// reports it.
func (v *outcomeView) encode(line any) { _ = v.lines.Encode(line) }

func (v *outcomeView) finish(result app.Result, spent time.Duration) error {
	if v.p.json() {
		v.begin(result.RunID)
		return v.finishJSON(result, spent)
	}
	return v.finishText(result, spent)
}

func (v *outcomeView) finishJSON(result app.Result, spent time.Duration) error {
	summary := applySummary{
		Type: "summary", Run: result.RunID, Plan: v.plan.Header.ID, Steps: result.Steps, Outcomes: map[string]int{},
		Verified: result.Verified, Broken: result.Broken, Unseen: result.Unseen,
		Interrupted: result.Interrupted, Undo: result.Undo, Seconds: spent.Seconds(),
	}
	for status, n := range result.Counts {
		summary.Outcomes[string(status)] = n
	}
	return v.lines.Encode(summary)
}

func (v *outcomeView) finishText(result app.Result, spent time.Duration) error {
	w := bufio.NewWriter(v.p.t.out)
	paint := v.p.t.paint
	v.troubles.write(w, paint, result.RunID)
	already := result.Counts[journal.AlreadyGone] + result.Counts[journal.AlreadyThere]
	done := result.Counts[journal.Done] + already
	verb := "Removed"
	if v.plan.Header.Kind == "restore" {
		verb = "Put back"
	}
	steps := fmt.Sprintf("%d of %s", done, count(result.Steps, "step"))
	if already > 0 {
		steps += fmt.Sprintf(", %d of them found it so already", already)
	}
	fmt.Fprintf(w, "%s in %.1f s (%s).\n", paint.bold(verb+" "+v.achieved.String()), spent.Seconds(), steps)
	writeChecks(w, paint.yellow("NOT SEEN"), v.unseen, result.Unseen)
	writeChecks(w, paint.red("BROKEN"), v.broken, result.Broken)
	if result.Unseen > 0 {
		fmt.Fprintf(w, "%s\n", paint.yellow(fmt.Sprintf("%d of %s that had to stay could not be looked at: whether they are whole is not known. Look again with: regkeep apply --resume %s",
			result.Unseen, count(result.Verified, "image"), result.RunID)))
	}
	switch {
	case result.Broken > 0:
		fmt.Fprintf(w, "%s\n", paint.red(fmt.Sprintf("%d of %s that had to stay can no longer be pulled whole.", result.Broken, count(result.Verified, "image"))))
	case result.Unseen > 0:
	case result.Verified > 0 && v.plan.Header.Kind == "restore":
		fmt.Fprintf(w, "%s\n", paint.green(fmt.Sprintf("Verified: what was put back can be pulled whole (%s).", count(result.Verified, "tag"))))
	case result.Verified > 0:
		fmt.Fprintf(w, "%s\n", paint.green(fmt.Sprintf("Verified: %s that %s in these repositories can still be pulled.", count(result.Verified, "tag"), verbStays(result.Verified))))
	}
	if result.Interrupted {
		fmt.Fprintf(w, "Stopped in order. Go on with: regkeep apply --resume %s\n", result.RunID)
	}
	if v.plan.Header.Kind != "restore" && result.Counts[journal.Done] > 0 {
		fmt.Fprintf(w, "%s\n", paint.faint("To put it back: regkeep undo "+result.RunID))
	} else {
		fmt.Fprintf(w, "%s\n", paint.faint("Run "+result.RunID))
	}
	return w.Flush()
}

// writeChecks lists what a verification found, of n the first ones.
func writeChecks(w io.Writer, word string, some []app.Verification, n int) {
	for _, check := range some {
		fmt.Fprintf(w, "%s %s/%s: %s\n", word, check.Registry, check.Repository+named(check.Tag, check.Digest), check.Error)
	}
	if more := n - len(some); more > 0 {
		fmt.Fprintf(w, "%s %d more\n", word, more)
	}
}

func verbStays(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}

// named is a tag or digest behind a repository name.
func named(tag string, digest oci.Digest) string {
	if tag != "" {
		return ":" + tag
	}
	return "@" + short(digest)
}
