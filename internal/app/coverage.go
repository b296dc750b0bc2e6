package app

import (
	"context"
	"time"

	"github.com/regkeep/regkeep/internal/policy"
)

// Coverage is what the lines of a policy do on real images.
type Coverage struct {
	Registries          []string
	Repositories, Roots int
	// Whole says whether all of the registries was looked at; where not, a line
	// that matches nothing may match elsewhere.
	Whole    bool
	Now      time.Time
	Lines    []Covered
	Warnings []policy.Warning
}

// Covered is one policy, rule, condition or pattern with what it matches.
type Covered struct {
	policy.Counted
	policy.Count
}

func (w *watch) coverage(now time.Time, warnings []policy.Warning) *Coverage {
	c := &Coverage{Registries: sortedKeys(w.registries), Now: now, Warnings: warnings}
	for _, r := range w.registries {
		c.Repositories, c.Roots = c.Repositories+r.repositories, c.Roots+r.roots
	}
	total, _ := w.total()
	c.Whole = true
	for _, r := range w.registries {
		c.Whole = c.Whole && r.whole
	}
	for n, counted := range w.rules.Counted() {
		c.Lines = append(c.Lines, Covered{counted, total[n]})
	}
	return c
}

// CoverInventory says what a policy does on a saved inventory.
func CoverInventory(ctx context.Context, rules *policy.Policy, path string, now time.Time) (*Coverage, error) {
	stored, err := loadStock(ctx, path, rules)
	if err != nil {
		return nil, err
	}
	if now.IsZero() {
		now = stored.saved.At.UTC()
	}
	w := newWatch(rules)
	watched := w.scope(stored.saved.Info.Name, true)
	for _, repo := range stored.repositories {
		report := rules.Evaluate(repo, nil, now)
		watched.add(repo, &report)
	}
	watched.gaps(stored.saved.Gaps())
	return w.coverage(now, w.warnings(nil, nil)), nil
}

// Cover says what a policy does in registries, compared with the last plans of
// them. It plans nothing and remembers nothing.
func (a *App) Cover(ctx context.Context, rules *policy.Policy, targets []Target, now time.Time) (*Coverage, error) {
	chosen, err := selections(targets)
	if err != nil {
		return nil, err
	}
	created := a.now()
	if now.IsZero() {
		now = created
	}
	session, err := a.look(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer session.close()
	evidence, err := a.collect(ctx, session, created)
	if err != nil {
		return nil, err
	}
	w := newWatch(rules)
	for i, opened := range session.opened {
		scanner, err := a.scanner(opened, chosen[i], created)
		if err != nil {
			return nil, err
		}
		watched := w.scope(opened.info.Name, chosen[i].all)
		stop := a.pulse(opened)
		for repo, err := range scanner.Scan(ctx, rules) {
			if err != nil {
				stop()
				return nil, advise(opened.info.Name, err)
			}
			report := rules.Evaluate(repo, evidence, now)
			watched.add(repo, &report)
		}
		stop()
		watched.gaps(scanner.Gaps())
	}
	warnings, err := a.judge(ctx, w, "", created)
	if err != nil {
		return nil, err
	}
	return w.coverage(now, warnings), nil
}
