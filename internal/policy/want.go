package policy

import (
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
)

// Want makes a Policy an inventory.Demand. The repository is judged on the
// names alone, with everything else unknown: where all of it stays, nothing
// more needs to be read.
func (p *Policy) Want(repo *inventory.Repository) inventory.Want {
	index := p.governs(repo.Name)
	if index < 0 {
		return inventory.Want{}
	}
	g := p.policies[index]
	untagged, orphans := false, g.settings.RemoveOrphans
	for _, r := range g.rules {
		untagged = untagged || r.untagged && len(r.remove) > 0
	}
	undecided := p.undecided(repo, g)
	if len(undecided) == 0 && !untagged && !orphans {
		return inventory.Want{}
	}
	need := needsOf(p.protect)
	for _, r := range g.rules {
		need |= needsOf(r.remove) | needsOf(r.keep)
	}
	return inventory.Want{
		Graph: true, Untagged: untagged || orphans, Orphans: orphans, Indexes: need&needEvidence != 0,
		Config: p.configs(repo, g, undecided),
	}
}

// undecided lists, by rule, how many tags could go.
func (p *Policy) undecided(repo *inventory.Repository, g *governed) map[*rule]int {
	names := inventory.Repository{Registry: repo.Registry, Name: repo.Name, Depth: inventory.Names, Tags: make([]inventory.Tag, len(repo.Tags))}
	for i := range repo.Tags {
		names.Tags[i] = inventory.Tag{Name: repo.Tags[i].Name}
	}
	e := p.begin(&names, nil, time.Unix(0, 0))
	counts := map[*rule]int{}
	for i := range e.roots {
		if r := e.rule(i); r != nil && e.decide(i).Verdict != Keep {
			counts[r]++
		}
	}
	return counts
}

// configs says for which tags the image config matters: those whose rule asks
// for facts of it, and those whose age may matter where the listing did not
// tell a push time. The age of everything may matter where the floor might have
// to find the newest image.
func (p *Policy) configs(repo *inventory.Repository, g *governed, undecided map[*rule]int) func(tag string) bool {
	needs := map[*rule]need{}
	for _, r := range g.rules {
		if undecided[r] == 0 && !(r.untagged && len(r.remove) > 0) {
			continue
		}
		needs[r] = needsOf(p.protect) | needsOf(r.remove) | needsOf(r.keep)
		if g.settings.Floor > 0 {
			needs[r] |= needAge
		}
		if needs[r]&needAge != 0 && r.ageFrom == FromCreated {
			needs[r] |= needConfig
		}
	}
	pushed := pushTimes(repo)
	return func(tag string) bool {
		for _, r := range g.rules {
			if tag == "" && r.untagged || tag != "" && r.tags.Match(tag) {
				need := needs[r]
				return need&needConfig != 0 || need&needAge != 0 && (!pushed[tag] || r.unknownOld)
			}
		}
		return false
	}
}

// pushTimes says for which tags the listing told a push time to go by.
func pushTimes(repo *inventory.Repository) map[string]bool {
	e := evaluation{repo: repo, roots: repo.Roots(), latest: farFuture}
	if e.collapse() {
		return nil
	}
	pushed := map[string]bool{}
	for i := range e.roots {
		if e.recorded(i) != noTime {
			pushed[e.roots[i].Name()] = true
		}
	}
	return pushed
}

// farFuture is later than every time that can be counted; a plan knows better
// what lies in the future.
var farFuture = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
