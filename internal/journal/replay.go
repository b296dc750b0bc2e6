package journal

import (
	"maps"
	"slices"
)

// Entry is one line of a run's journal: an intent or an outcome.
type Entry struct {
	Intent  *Intent
	Outcome *Outcome
}

// State is where a run stands.
type State struct {
	// Last outcome of each step that has one.
	Last map[int]Outcome
	// Open intents: written, and no outcome of that step after them. What
	// became of these only a look at the registry can tell.
	Open map[int]Intent
	// Acted are the steps that ever had an intent, whatever came of it.
	Acted map[int]bool
}

// Replay reads a run's entries in the order they were written.
func Replay(entries []Entry) State {
	state := State{Last: map[int]Outcome{}, Open: map[int]Intent{}, Acted: map[int]bool{}}
	for _, entry := range entries {
		switch {
		case entry.Intent != nil:
			state.Open[entry.Intent.Seq] = *entry.Intent
			state.Acted[entry.Intent.Seq] = true
		case entry.Outcome != nil:
			state.Last[entry.Outcome.Seq] = *entry.Outcome
			delete(state.Open, entry.Outcome.Seq)
		}
	}
	return state
}

// Final says whether a resumed run leaves a step alone.
func (s State) Final(seq int) (Outcome, bool) {
	if _, open := s.Open[seq]; open {
		return Outcome{}, false
	}
	outcome, known := s.Last[seq]
	return outcome, known && outcome.Status.Final()
}

// Outcomes lists the last outcomes by step.
func (s State) Outcomes() []Outcome {
	outcomes := make([]Outcome, 0, len(s.Last))
	for _, seq := range slices.Sorted(maps.Keys(s.Last)) {
		outcomes = append(outcomes, s.Last[seq])
	}
	return outcomes
}
