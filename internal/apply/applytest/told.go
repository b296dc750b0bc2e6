package applytest

import (
	"cmp"
	"context"
	"slices"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// Told is a result with everything that was told on the way: outcomes by step,
// verifications in the order in which they came.
type Told struct {
	apply.Result
	Outcomes      []journal.Outcome
	Verifications []apply.Verification
}

// Run carries out a request and collects what it tells.
func Run(ctx context.Context, req apply.Request) (Told, error) {
	var all Told
	outcome, verified := req.Outcome, req.Verified
	req.Outcome = func(s plan.Step, o journal.Outcome) {
		all.Outcomes = append(all.Outcomes, o)
		if outcome != nil {
			outcome(s, o)
		}
	}
	req.Verified = func(v apply.Verification) {
		all.Verifications = append(all.Verifications, v)
		if verified != nil {
			verified(v)
		}
	}
	var err error
	all.Result, err = apply.Run(ctx, req)
	slices.SortFunc(all.Outcomes, func(a, b journal.Outcome) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, err
}
