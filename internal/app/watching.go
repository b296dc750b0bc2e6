package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/store"
)

// fewest roots that a pattern must have matched before a fall says anything.
const fewest = 10

// watch sums up, over the repositories of a scan, what every place of a policy
// matched, to find those that have died.
type watch struct {
	rules      *policy.Policy
	registries map[string]*watched
}

// watched is one registry. It is whole where all of it was looked at: what was
// not seen is not absent.
type watched struct {
	counts       []policy.Count
	repositories int
	roots        int
	whole        bool
}

func newWatch(rules *policy.Policy) *watch {
	return &watch{rules: rules, registries: map[string]*watched{}}
}

// scope is a registry that is being scanned; whole says whether all of it is.
func (w *watch) scope(registry string, whole bool) *watched {
	w.registries[registry] = &watched{counts: make([]policy.Count, len(w.rules.Counted())), whole: whole}
	return w.registries[registry]
}

func (r *watched) add(repo *inventory.Repository, report *policy.Report) {
	r.repositories++
	r.roots += len(report.Decisions)
	r.whole = r.whole && len(repo.Gaps) == 0
	for n, c := range report.Counts {
		r.counts[n] = r.counts[n].Add(c)
	}
}

// gaps are those of the registry itself.
func (r *watched) gaps(gaps []inventory.Gap) { r.whole = r.whole && len(gaps) == 0 }

// total over all registries, and whether there is enough to say that something
// matches nothing.
func (w *watch) total() (counts []policy.Count, enough bool) {
	counts, enough = make([]policy.Count, len(w.rules.Counted())), true
	roots := 0
	for _, r := range w.registries {
		enough = enough && r.whole
		roots += r.roots
		for n, c := range r.counts {
			counts[n] = counts[n].Add(c)
		}
	}
	return counts, enough && roots > 0
}

// memory is what earlier scans matched, by registry and policy.Counted.Key.
type memory map[string]map[string]int

// warnings says what matches nothing, or far less than before. elsewhere names
// registries that were not looked at now and may be what a line is for.
func (w *watch) warnings(before memory, elsewhere []string) []policy.Warning {
	total, enough := w.total()
	if !enough {
		return nil
	}
	dead := deadPlaces{}
	var warnings []policy.Warning
	for n, c := range w.rules.Counted() {
		if c.Kind == policy.CountItem || dead.covers(c) || w.told(c) {
			continue
		}
		found := total[n]
		was := 0
		for registry := range w.registries {
			was += before[registry][c.Key]
		}
		idle := !slices.ContainsFunc(elsewhere, func(registry string) bool { return before[registry][c.Key] > 0 })
		code, message := "", ""
		switch {
		case c.Kind == policy.CountRule && found.Matched > 0:
			if found.Undecided() {
				code, message = "never-decides", fmt.Sprintf("the rule %s on line %d can let nothing go: the %s is not known of any root that it does not keep", c.Text, c.Line, found.Missing)
			}
		case found.Matched == 0 && found.Unknown == 0 && was > 0 && lasting(c, 0):
			code, message = "matches-fewer", fmt.Sprintf("%s; in the last run it was %s", idleText(c, found), countText(was, c))
		case c.Untagged && found.Matched == 0 && was == 0:
			dead.add(c, found) // there is nothing untagged, which is as it should be
		case found.Matched == 0 && found.Unknown == 0 && was == 0 && idle:
			code, message = nothingCode(c), idleText(c, found)
		}
		if code != "" {
			warnings = append(warnings, policy.Warning{Code: code, Scope: c.Path, Message: message})
			dead.add(c, found)
			continue
		}
		if found.Matched > 0 && found.Unknown == 0 {
			warnings = append(warnings, w.fallen(n, c, before)...)
		}
	}
	return warnings
}

// fallen finds the registries in which a place matches far fewer roots than
// before, although it still matches some.
func (w *watch) fallen(n int, c policy.Counted, before memory) []policy.Warning {
	var warnings []policy.Warning
	for _, registry := range sortedKeys(w.registries) {
		now, was := w.registries[registry].counts[n].Matched, before[registry][c.Key]
		if far(now, was) && lasting(c, now) {
			warnings = append(warnings, policy.Warning{
				Code: "matches-fewer", Scope: c.Path,
				Message: fmt.Sprintf("%s on line %d matches %s in %s, and %d in the last run", placeText(c), c.Line, countText(now, c), registry, was),
			})
		}
	}
	return warnings
}

// far fewer: none, or less than half of what is more than a handful.
func far(now, was int) bool { return was > 0 && now == 0 || was >= fewest && 2*now < was }

// lasting says whether regkeep itself does not bring a place down to so many:
// what shields stays, a rule that also keeps can lose much but not all, and one
// that only removes may run out.
func lasting(c policy.Counted, now int) bool {
	return c.Kind != policy.CountRule || c.Keeps && (now == 0 || !c.Removes)
}

// told says whether the policy by itself already warns of the place.
func (w *watch) told(c policy.Counted) bool {
	return slices.ContainsFunc(w.rules.Warnings(), func(warning policy.Warning) bool {
		return warning.Scope == c.Path && (warning.Code == "shadowed" || warning.Code == "cannot-hold" || warning.Code == "cannot-match")
	})
}

// remember gives what is to be kept of a registry that was seen whole: what was
// found, except where it fell and nobody has agreed yet.
func (w *watch) remember(registry string, before map[string]int) []store.Matched {
	r := w.registries[registry]
	if !r.whole {
		return nil
	}
	merged := map[string]store.Matched{}
	for n, c := range w.rules.Counted() {
		found := r.counts[n]
		if c.Kind == policy.CountItem || found.Unknown > 0 && c.Kind != policy.CountRule {
			continue
		}
		m := store.Matched{Condition: c.Key, Roots: found.Matched, Latest: found.Matched}
		if other, there := merged[c.Key]; there { // the same line twice
			m.Latest = max(m.Latest, other.Latest)
			m.Roots = m.Latest
		}
		merged[c.Key] = m
	}
	var all []store.Matched
	for _, key := range sortedKeys(merged) {
		m := merged[key]
		if was := before[key]; far(m.Latest, was) {
			m.Roots = was
		}
		all = append(all, m)
	}
	return all
}

// recollect reads what earlier plans found on these registries.
func recollect(ctx context.Context, state *store.Store, registries []string) (memory, error) {
	before := memory{}
	for _, registry := range registries {
		counts, err := state.Counts(ctx, registry)
		if err != nil {
			return nil, err
		}
		before[registry] = counts
	}
	return before, nil
}

// Accept takes what the plan's lines matched for normal from now on: a person
// who read its warnings goes on with it.
func (a *App) Accept(ctx context.Context, planID string) error {
	state, err := a.store()
	if err != nil {
		return err
	}
	return state.AcceptCounts(ctx, planID)
}

// judge compares with earlier plans and, where the plan is named, remembers what
// this one found.
func (a *App) judge(ctx context.Context, w *watch, planID string, at time.Time) ([]policy.Warning, error) {
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	here := sortedKeys(w.registries)
	var elsewhere []string
	for _, r := range a.file.Registries {
		if w.registries[r.Endpoint.Name] == nil {
			elsewhere = append(elsewhere, r.Endpoint.Name)
		}
	}
	before, err := recollect(ctx, state, slices.Concat(here, elsewhere))
	if err != nil {
		return nil, err
	}
	if planID != "" {
		for _, registry := range here {
			if found := w.remember(registry, before[registry]); len(found) > 0 {
				if err := state.RecordCounts(ctx, registry, planID, at, found); err != nil {
					return nil, err
				}
			}
		}
	}
	return w.warnings(before, elsewhere), nil
}
