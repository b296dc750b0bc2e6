package plan

import "strings"

// intoQuarantine has the steps of what goes into quarantine copy it there
// first.
func (p *planner) intoQuarantine() {
	if len(p.quarantined) == 0 {
		return
	}
	for i := range p.steps {
		step := &p.steps[i]
		if long, held := p.quarantined[p.at(step.Digest)]; held {
			step.Quarantine, step.For = p.holding(), long.String()
			step.Undo = UndoFull // the holding repository keeps its blobs
		}
	}
}

// holding is the repository that holds what goes from this one: of the same
// registry and, where repositories stand inside others that somebody has to
// make (Nexus), inside the same one.
func (p *planner) holding() string {
	if first, rest, nested := strings.Cut(p.repository, "/"); nested && p.components {
		return first + "/" + p.settings.Quarantine + "/" + rest
	}
	return p.settings.Quarantine + "/" + p.repository
}
