package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/policy/duration"
)

type dayLine struct {
	Type    string         `json:"type"` // "day"
	At      time.Time      `json:"at"`
	Stay    int            `json:"stay"`
	Held    int            `json:"held"` // of those that stay
	Removed []plan.Verdict `json:"removed"`
	Notices []plan.Notice  `json:"notices"`
}

func (p *program) foresee(ctx context.Context, a *app.App, request app.RehearsalRequest, r *rehearsal) error {
	every, err := policy.ParseDuration(r.every)
	switch {
	case err != nil:
		return usageError("--every: %s", mistyped(err))
	case every.Zero():
		return usageError("--every %s: write a duration such as 1d", r.every)
	}
	length, err := policy.ParseDuration(r.until)
	if err != nil {
		return usageError("--for: %s", mistyped(err))
	}
	days, err := a.Foresee(ctx, request, every, length)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(p.t.out)
	for _, day := range days {
		if p.json() {
			line := dayLine{"day", day.At, day.Stay, day.Held, append([]plan.Verdict{}, day.Removed...), append([]plan.Notice{}, day.Notices...)}
			if err := lines.Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(p.t.out, "%s  %s\n", day.At.Format("2006-01-02 15:04"), dayText(day))
	}
	return nil
}

// dayText is a day on one line.
func dayText(day app.Day) string {
	var names []string
	for _, v := range day.Removed {
		names = append(names, v.Repository+":"+tagName(v.Tag, v.Digest))
	}
	text := fmt.Sprintf("%d go, %d stay", len(names), day.Stay)
	if day.Held > 0 {
		text += fmt.Sprintf(", %d of them held", day.Held)
	}
	if len(names) > 0 {
		text += "  " + strings.Join(names, " ")
	}
	for _, notice := range day.Notices {
		if notice.Type != "warning" {
			text += "  " + notice.Type + ": " + notice.Message
		}
	}
	return text
}

type differenceLine struct {
	Type   string       `json:"type"` // "difference"
	Before plan.Verdict `json:"before"`
	After  plan.Verdict `json:"after"`
}

func (p *program) comparePolicies(ctx context.Context, a *app.App, request app.RehearsalRequest, file string) error {
	other, err := app.CheckPolicy(file)
	if err != nil {
		return p.tellProblems(err)
	}
	differ, now, err := a.Compare(ctx, request, other)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(p.t.out)
	for _, d := range differ {
		if p.json() {
			if err := lines.Encode(differenceLine{"difference", d.Before, d.After}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(p.t.out, "%s:%s  %s -> %s\n", d.Before.Repository, tagName(d.Before.Tag, d.Before.Digest), d.Before.Verdict, d.After.Verdict)
		fmt.Fprintf(p.t.out, "  %s: %s\n", ruled(d.Before, cmp.Or(p.flags.file, "flags")), sentences(d.Before, now))
		fmt.Fprintf(p.t.out, "  %s: %s\n", ruled(d.After, file), sentences(d.After, now))
	}
	switch {
	case p.json():
	case len(differ) == 0:
		fmt.Fprintln(p.t.out, "The two policies agree on every image.")
	default:
		fmt.Fprintln(p.t.out, changes(differ))
	}
	return nil
}

// changes counts which verdicts become which.
func changes(differ []app.Difference) string {
	counts := map[string]int{}
	for _, d := range differ {
		counts[d.Before.Verdict+" -> "+d.After.Verdict]++
	}
	var parts []string
	for _, change := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", change, counts[change]))
	}
	return count(len(differ), "verdict differs|verdicts differ") + ": " + strings.Join(parts, ", ")
}

// mistyped is what is wrong with a duration, with what was probably meant.
func mistyped(err error) string {
	if fault := (*duration.Error)(nil); errors.As(err, &fault) && fault.Suggestion != "" {
		return fmt.Sprintf("%v (did you mean %q?)", err, fault.Suggestion)
	}
	return err.Error()
}

// ruled says which line of the policy decided.
func ruled(v plan.Verdict, file string) string {
	for _, reason := range v.Reasons {
		if reason.Line > 0 {
			return fmt.Sprintf("%s:%d %s", file, reason.Line, v.Verdict)
		}
	}
	return file + " " + v.Verdict
}
