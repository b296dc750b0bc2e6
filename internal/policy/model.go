package policy

import (
	"time"

	"github.com/regkeep/regkeep/internal/policy/duration"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// settings are Settings with what only evaluation needs.
type settings struct {
	Settings
	zone        *time.Location
	unknownOld  bool
	expiryLabel string
}

// governed is one policy of the file.
type governed struct {
	path         string
	line         int
	repositories pattern.List
	rules        []*rule
	settings     settings
}

// rule is one rule of a policy.
type rule struct {
	path, name   string
	line         int
	tags         pattern.List
	untagged     bool
	remove, keep []*item
	ageFrom      AgeSource
	unknownOld   bool
	// quarantine is how long what goes is held; zero: not at all.
	quarantine duration.Duration

	// rankings are the orders that conditions of the rule look into, each
	// computed once; marked are conditions that are worked out for all roots of
	// the rule together.
	rankings []rankSpec
	marked   []marker
}

// item is one condition as it is listed: all of its tests must hold.
type item struct {
	path   string
	line   int
	column int
	id     int // unique in the file
	tests  []test
}

// need says what a test has to know.
type need uint8

const (
	needAge      need = 1 << iota // a time, of the image config where there is no other
	needConfig                    // facts of the image config
	needEvidence                  // who uses images
)

// test is one condition. Root i is the i-th of inventory.Repository.Roots.
type test interface {
	truth(e *evaluation, i int) Truth
	// missing names the fact without which the truth is Unknown.
	missing(e *evaluation, i int) string
	// facts are those of a reason, shared between roots where they are the same.
	facts(e *evaluation, i int) map[string]any
	explain(e *evaluation, i int) account
	code() Code
	needs() need
	// String is the canonical text.
	String() string
}

// marker is a test whose truths are worked out for all claimed roots together.
type marker interface {
	mark(e *evaluation, r *rule, claimed []int32, rankings []ranking, marks []mark)
}

// cutoff is a duration that is counted back from now once per evaluation.
type cutoff struct {
	index  int
	length duration.Duration
}

func (it *item) needs() need {
	var n need
	for _, t := range it.tests {
		n |= t.needs()
	}
	return n
}

func needsOf(items []*item) need {
	var n need
	for _, it := range items {
		n |= it.needs()
	}
	return n
}
