package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

type dayLine struct {
	Type    string         `json:"type"` // "day"
	At      time.Time      `json:"at"`
	Stay    int            `json:"stay"`
	Removed []plan.Verdict `json:"removed"`
	Notices []plan.Notice  `json:"notices"`
}

func (p *program) foresee(ctx context.Context, a *app.App, request app.RehearsalRequest, r *rehearsal) error {
	every, err := policy.ParseDuration(r.every)
	if err != nil || every.Zero() {
		return usageError("--every %s: write a duration such as 1d", r.every)
	}
	length, err := policy.ParseDuration(r.until)
	if err != nil {
		return usageError("--for %s: write a duration such as 90d", r.until)
	}
	days, err := a.Foresee(ctx, request, every, length)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(p.t.out)
	for _, day := range days {
		if p.json() {
			line := dayLine{"day", day.At, day.Stay, append([]plan.Verdict{}, day.Removed...), append([]plan.Notice{}, day.Notices...)}
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
	if !p.json() && len(differ) == 0 {
		fmt.Fprintln(p.t.out, "The two policies agree on every image.")
	}
	return nil
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
