package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

func TestKinds(t *testing.T) {
	for want, errs := range map[Kind][]error{
		Usage:       {misuse("x"), &config.Problem{File: "f"}, policy.Problems{{File: "f"}}, fmt.Errorf("in: %w", misuse("x"))},
		Refused:     {refused("x"), fmt.Errorf("%w: old", apply.ErrStale), apply.ErrBusy, apply.ErrForeign, apply.ErrFuture, apply.ErrPlan},
		Interrupted: {context.Canceled, fmt.Errorf("read: %w", context.Canceled)},
		Failed:      {errors.New("x"), &registry.Error{Kind: registry.ErrDenied}, context.DeadlineExceeded},
	} {
		for _, err := range errs {
			if got := KindOf(err); got != want {
				t.Errorf("%v: kind %d, want %d", err, got, want)
			}
		}
	}
}

// Gaps make a plan partial, whatever else is in it; a plan whose every removal
// was refused is refused; a refusal beside steps leaves the rest standing.
func TestWhatAPlanMeans(t *testing.T) {
	gap, refusal := plan.Notice{Type: "gap"}, plan.Notice{Type: "refusal"}
	steps := plan.Summary{Steps: 1}
	for name, test := range map[string]struct {
		p    plan.Outline
		kind Kind
		good bool
	}{
		"nothing to do":         {plan.Outline{}, 0, true},
		"steps":                 {plan.Outline{Summary: steps}, 0, true},
		"a warning":             {plan.Outline{Summary: steps, Notices: []plan.Notice{{Type: "warning"}}}, 0, true},
		"a gap":                 {plan.Outline{Notices: []plan.Notice{gap}}, Partial, false},
		"a gap and steps":       {plan.Outline{Summary: steps, Notices: []plan.Notice{gap}}, Partial, false},
		"a gap and a refusal":   {plan.Outline{Notices: []plan.Notice{refusal, gap}}, Partial, false},
		"refused as a whole":    {plan.Outline{Notices: []plan.Notice{refusal}}, Refused, false},
		"refused in one place":  {plan.Outline{Summary: steps, Notices: []plan.Notice{refusal}}, 0, true},
		"two refusals, a steps": {plan.Outline{Summary: steps, Notices: []plan.Notice{refusal, refusal}}, 0, true},
	} {
		err := verdictOf(&test.p)
		if (err == nil) != test.good || err != nil && KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatARunMeans(t *testing.T) {
	counts := func(statuses ...journal.Status) map[journal.Status]int {
		counted := map[journal.Status]int{}
		for _, status := range statuses {
			counted[status]++
		}
		return counted
	}
	both := counts(journal.Done, journal.AlreadyGone)
	for name, test := range map[string]struct {
		result Result
		kind   Kind
		good   bool
	}{
		"all done":                {Result{Counts: both}, 0, true},
		"one changed":             {Result{Counts: counts(journal.Done, journal.Changed)}, Partial, false},
		"one failed":              {Result{Counts: counts(journal.Done, journal.Failed)}, Partial, false},
		"one unknown":             {Result{Counts: counts(journal.Done, journal.Unknown)}, Partial, false},
		"one missing":             {Result{Counts: counts(journal.Done)}, Partial, false},
		"interrupted":             {Result{Counts: counts(journal.Done), Interrupted: true}, Interrupted, false},
		"not looked at":           {Result{Counts: both, Unseen: 1}, Partial, false},
		"damaged, and not seen":   {Result{Counts: both, Damaged: true, Unseen: 1}, Damaged, false},
		"damaged":                 {Result{Counts: both, Damaged: true}, Damaged, false},
		"damaged and not done":    {Result{Counts: counts(journal.Done), Damaged: true}, Damaged, false},
		"damaged and interrupted": {Result{Counts: counts(journal.Done), Damaged: true, Interrupted: true}, Damaged, false},
	} {
		test.result.Steps = 2
		err := resultKind(test.result)
		if (err == nil) != test.good || err != nil && KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAdvice(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"denied":    {&registry.Error{Kind: registry.ErrDenied, Op: "sign in"}, "docker login r.example.com"},
		"down":      {&registry.Error{Kind: registry.ErrUnavailable, Op: "sign in"}, "Check that r.example.com is the right address"},
		"broken":    {&registry.Error{Kind: registry.ErrUnavailable, Op: "read", Status: 503}, "trouble of its own"},
		"throttled": {&registry.Error{Kind: registry.ErrThrottled, Op: "read"}, "--rate"},
		"hinted":    {&registry.Error{Kind: registry.ErrDenied, Op: "read", Hint: "Own words."}, "Own words."},
		"other":     {errors.New("x"), "x"},
	} {
		got := advise("r.example.com", test.err)
		if !strings.Contains(got.Error(), test.want) || !errors.Is(got, test.err) {
			t.Errorf("%s: %v", name, got)
		}
		if name == "hinted" && strings.Contains(got.Error(), "docker login") {
			t.Errorf("%s: two advices: %v", name, got)
		}
	}
	if advise("r", nil) != nil {
		t.Error("advice without an error")
	}
}

func TestExpiredPlansAreRefusedBeforeAnythingIsAsked(t *testing.T) {
	a := testApp(t)
	expired := somePlan()
	expired.Header.Expires = noon.Add(-time.Second)
	p, err := a.keep(expired)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CheckFresh(p); KindOf(err) != Refused || !errors.Is(err, apply.ErrStale) {
		t.Errorf("%v", err)
	}
	if _, err := a.Apply(t.Context(), ApplyRequest{Plan: p}); KindOf(err) != Refused {
		t.Errorf("%v", err)
	}
}
