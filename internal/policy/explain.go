package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// Truth is the value of a condition.
type Truth uint8

// Unknown is a value of its own: a fact was needed and is not known.
const (
	False Truth = iota
	Unknown
	True
)

func (t Truth) String() string { return [...]string{"false", "unknown", "true"}[t] }

// MarshalText writes true, false or unknown.
func (t Truth) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Node is one condition of an explanation, with the conditions inside it.
type Node struct {
	// Condition as it would be written, such as "newest: 5" or "any".
	Condition string `json:"condition"`
	Path      string `json:"path,omitempty"`
	Line      int    `json:"line,omitempty"`
	Value     Truth  `json:"value"`
	// Fact is what the value rests on, such as "pushed 2026-01-02T03:04:05Z".
	Fact string `json:"fact,omitempty"`
	// Rank is the place in an order, such as "7th newest of 12 in feature/x".
	Rank string `json:"rank,omitempty"`
	// Sources say where the fact was learned, and when.
	Sources []Source `json:"sources,omitempty"`
	Inside  []Node   `json:"inside,omitempty"`
}

// account is what a condition says of itself: fact and rank for people, what
// it rests on, and the conditions inside it.
type account struct {
	fact, rank string
	rests      rests
	inside     []Node
}

// Sources visits every source of a fact in the explanation.
func (x *Explanation) Sources(visit func(*Source)) {
	var walk func(nodes []Node)
	walk = func(nodes []Node) {
		for i := range nodes {
			for k := range nodes[i].Sources {
				visit(&nodes[i].Sources[k])
			}
			walk(nodes[i].Inside)
		}
	}
	walk(x.Protect)
	walk(x.Keep)
	walk(x.Remove)
}

// RuleChoice is one rule that was asked whether it claims the root.
type RuleChoice struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Name    string `json:"name,omitempty"`
	Claimed bool   `json:"claimed"`
	// Why says what the selector found, such as "no pattern of tags matches".
	Why string `json:"why"`
}

// Explanation is how one root came to its verdict.
type Explanation struct {
	Repository string
	// Policy is the index of the policy that governs, -1 for none; PolicyPath
	// and PolicyLine say where it stands.
	Policy     int
	PolicyPath string
	PolicyLine int
	Rules      []RuleChoice // those passed over and the one that claimed, in order
	Protect    []Node
	Keep       []Node
	Remove     []Node
	Decision   Decision
	Warnings   []Warning
}

// Explain says how the root with this tag came to its verdict, or, where tag is
// "", the untagged root with this digest. It is false when there is no such
// root.
func (p *Policy) Explain(repo *inventory.Repository, evidence *usage.Evidence, now time.Time, tag string, digest oci.Digest) (Explanation, bool) {
	e := p.begin(repo, evidence, now)
	report := e.report()
	i := slices.IndexFunc(e.roots, func(root inventory.Root) bool {
		return tag != "" && root.Name() == tag || tag == "" && root.Tag == nil && root.Digest == digest
	})
	if i < 0 {
		return Explanation{}, false
	}
	x := Explanation{Repository: repo.Name, Policy: report.Policy, Decision: report.Decisions[i], Warnings: report.Warnings}
	if e.g == nil {
		return x, true
	}
	x.PolicyPath, x.PolicyLine = e.g.path, e.g.line
	x.Rules = e.choices(i)
	x.Protect = e.nodes(p.protect, i)
	if p.builtin {
		x.Protect = append(x.Protect, e.builtin(i))
	}
	if r := e.rule(i); r != nil {
		x.Keep, x.Remove = e.nodes(r.keep, i), e.nodes(r.remove, i)
	}
	return x, true
}

// choices lists the rules that were asked, up to the one that claimed.
func (e *evaluation) choices(i int) []RuleChoice {
	var choices []RuleChoice
	for _, r := range e.g.rules {
		choice := RuleChoice{Path: r.path, Line: r.line, Name: r.name, Claimed: r == e.rule(i)}
		root := &e.roots[i]
		switch {
		case choice.Claimed && root.Tag == nil:
			choice.Why = "it claims untagged roots"
		case choice.Claimed:
			choice.Why = fmt.Sprintf("tags %s match %s", r.tags, root.Name())
		case root.Tag == nil:
			choice.Why = "it does not claim untagged roots"
		case r.tags.Empty():
			choice.Why = "it claims untagged roots only"
		default:
			choice.Why = fmt.Sprintf("tags %s do not match %s", r.tags, root.Name())
		}
		choices = append(choices, choice)
		if choice.Claimed {
			break
		}
	}
	return choices
}

// builtin explains the protection of the tag latest that nobody has to write.
func (e *evaluation) builtin(i int) Node {
	node := Node{Condition: "tags: [latest] (always protected)", Fact: "the tag is " + e.roots[i].Name(), Sources: e.sources(i, restsTag)}
	r := e.rule(i)
	switch {
	case e.roots[i].Name() != builtinTag:
	case r != nil && r.tags.Names(builtinTag):
		node.Fact = "lifted, because the rule names the tag literally"
	default:
		node.Value = True
	}
	return node
}

// nodes explains conditions, one node each with its tests inside where there
// are several.
func (e *evaluation) nodes(items []*item, i int) []Node {
	var nodes []Node
	for _, it := range items {
		var tests []Node
		for _, t := range it.tests {
			node := Node{Condition: t.String(), Path: it.path, Line: it.line, Value: t.truth(e, i)}
			a := t.explain(e, i)
			node.Fact, node.Rank, node.Inside, node.Sources = a.fact, a.rank, a.inside, e.sources(i, a.rests)
			tests = append(tests, node)
		}
		if len(tests) == 1 {
			nodes = append(nodes, tests[0])
		} else {
			nodes = append(nodes, Node{Condition: it.String(), Path: it.path, Line: it.line, Value: it.truth(e, i), Inside: tests})
		}
	}
	return nodes
}
