package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// outcomeView shows what came of a plan.
type outcomeView struct {
	p     *program
	plan  *plan.Stored
	lines *json.Encoder
	begun bool
}

func newOutcomeView(p *program, made *plan.Stored) *outcomeView {
	return &outcomeView{p: p, plan: made, lines: json.NewEncoder(p.t.out)}
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
	Undo       string     `json:"undo,omitempty"` // how far it can be undone now; only in "runs RUN"
}

type verifyLine struct {
	Type       string     `json:"type"`
	Registry   string     `json:"registry"`
	Repository string     `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     oci.Digest `json:"digest"`
	OK         bool       `json:"ok"`
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
	Interrupted bool           `json:"interrupted"`
	Undo        string         `json:"undo,omitempty"`
	Seconds     float64        `json:"seconds"`
}

// nothing is the JSON of a plan without steps.
func (v *outcomeView) nothing() error {
	return v.lines.Encode(applySummary{Type: "summary", Plan: v.plan.Header.ID, Outcomes: map[string]int{}})
}

// outcome writes one line as it happens.
func (v *outcomeView) outcome(o journal.Outcome) {
	v.begin(o.Run)
	v.encode(outcomeLine{
		Type: "outcome", Seq: o.Seq, Registry: o.Registry, Repository: o.Repository, Tag: o.Tag,
		Digest: o.Digest, Action: string(o.Action), Status: string(o.Status), Error: o.Error,
	})
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

func tally(outcomes []journal.Outcome) map[string]int {
	counts := map[string]int{}
	for _, o := range outcomes {
		counts[string(o.Status)]++
	}
	return counts
}

func (v *outcomeView) finishJSON(result app.Result, spent time.Duration) error {
	summary := applySummary{
		Type: "summary", Run: result.RunID, Plan: v.plan.Header.ID, Steps: v.plan.Summary.Steps, Outcomes: tally(result.Outcomes),
		Interrupted: result.Interrupted, Undo: result.Undo, Seconds: spent.Seconds(),
	}
	for _, check := range result.Verifications {
		if summary.Verified++; !check.OK {
			summary.Broken++
		}
		v.encode(verifyLine{
			Type: "verify", Registry: check.Registry, Repository: check.Repository, Tag: check.Tag, Digest: check.Digest,
			OK: check.OK, Error: check.Error,
		})
	}
	return v.lines.Encode(summary)
}

func (v *outcomeView) finishText(result app.Result, spent time.Duration) error {
	w := bufio.NewWriter(v.p.t.out)
	paint := v.p.t.paint
	v.troubles(w, result)
	counts := tally(result.Outcomes)
	already := counts["already-gone"] + counts["already-there"]
	done := counts["done"] + already
	verb := "Removed"
	if v.plan.Header.Kind == "restore" {
		verb = "Put back"
	}
	steps := fmt.Sprintf("%d of %s", done, count(v.plan.Summary.Steps, "step"))
	if already > 0 {
		steps += fmt.Sprintf(", %d of them found it so already", already)
	}
	achieved, err := v.achieved(result.Outcomes)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s in %.1f s (%s).\n", paint.bold(verb+" "+achieved), spent.Seconds(), steps)
	broken := 0
	for _, check := range result.Verifications {
		if !check.OK {
			broken++
			fmt.Fprintf(w, "%s %s/%s: %s\n", paint.red("BROKEN"), check.Registry, check.Repository+named(check.Tag, check.Digest), check.Error)
		}
	}
	switch {
	case broken > 0:
		fmt.Fprintf(w, "%s\n", paint.red(fmt.Sprintf("%d of %s that had to stay can no longer be pulled whole.", broken, count(len(result.Verifications), "image"))))
	case len(result.Verifications) > 0 && v.plan.Header.Kind == "restore":
		fmt.Fprintf(w, "%s\n", paint.green(fmt.Sprintf("Verified: what was put back can be pulled whole (%s).", count(len(result.Verifications), "tag"))))
	case len(result.Verifications) > 0:
		fmt.Fprintf(w, "%s\n", paint.green(fmt.Sprintf("Verified: %s that %s in these repositories can still be pulled.", count(len(result.Verifications), "tag"), verbStays(len(result.Verifications)))))
	}
	if result.Interrupted {
		fmt.Fprintf(w, "Stopped in order. Go on with: regkeep apply --resume %s\n", result.RunID)
	}
	if v.plan.Header.Kind != "restore" && counts["done"] > 0 {
		fmt.Fprintf(w, "%s\n", paint.faint("To put it back: regkeep undo "+result.RunID))
	} else {
		fmt.Fprintf(w, "%s\n", paint.faint("Run "+result.RunID))
	}
	return w.Flush()
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

// achieved counts what is gone, or back, in words.
func (v *outcomeView) achieved(outcomes []journal.Outcome) (string, error) {
	did := map[int]bool{}
	for _, o := range outcomes {
		did[o.Seq] = o.Status == journal.Done
	}
	tags, manifests, attachments := 0, 0, 0
	for repo, err := range v.plan.Steps() {
		if err != nil {
			return "", err
		}
		for _, step := range repo.Steps {
			if !did[step.Seq] {
				continue
			}
			if step.Tag == "" {
				manifests++
			}
			if step.Why == "attachment" {
				if step.Tag == "" || step.Action == plan.DeleteComponent {
					attachments++
				}
				continue
			}
			if step.Tag != "" {
				tags++
			}
			tags += len(step.Takes)
		}
	}
	what := []string{count(tags, "tag")}
	if manifests > attachments {
		what = append(what, count(manifests-attachments, "manifest"))
	}
	if attachments > 0 {
		what = append(what, count(attachments, "attachment"))
	}
	return and(what), nil
}

// troubles lists what was not done, the same trouble once for all steps that
// had it.
func (v *outcomeView) troubles(w *bufio.Writer, result app.Result) {
	type trouble struct{ status, message string }
	by := map[trouble][]string{}
	var order []trouble
	for _, o := range result.Outcomes {
		if o.Status.Succeeded() {
			continue
		}
		t := trouble{string(o.Status), o.Error}
		if by[t] == nil {
			order = append(order, t)
		}
		by[t] = append(by[t], o.Registry+"/"+o.Repository+named(o.Tag, o.Digest))
	}
	for _, t := range order {
		places := by[t]
		slices.Sort(places)
		fmt.Fprintf(w, "%s %s: %s\n", v.p.t.paint.yellow(t.status), some(places), orElse(strings.TrimSuffix(t.message, "."), "not done"))
	}
	if len(order) > 0 {
		fmt.Fprintln(w)
	}
}
