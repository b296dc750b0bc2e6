package policy

import (
	"fmt"

	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// CountKind is what a Counted stands for.
type CountKind string

// Kinds of what is counted.
const (
	CountPolicy    CountKind = "policy"    // a policy; its repositories are counted
	CountRule      CountKind = "rule"      // a rule; the roots that it claims
	CountItem      CountKind = "item"      // a listed condition; the verdicts that rest on it
	CountPattern   CountKind = "pattern"   // a pattern that shields; the roots whose tags it matches
	CountCondition CountKind = "condition" // a test of facts of the image that shields; the roots of which it is true
)

// Counted is one place of a policy whose matches are counted, to find what has
// died without anybody having touched it (METR/hawk#916).
type Counted struct {
	Kind CountKind
	// Key tells the same place again in another version of the file: it is made
	// of what is written there and around it, not of where it stands.
	Key  string
	Path string // of the policy, rule or item
	Line int
	// Keeps and Removes say of a rule that it has conditions for that; one
	// without any keeps all that it claims.
	Keeps, Removes bool
	// Untagged says of a rule that it claims untagged roots alone, so that it has
	// no pattern that could be mistyped.
	Untagged bool
	// Text is the pattern, the condition, or the patterns of the selector.
	Text string
	// Shields says where a pattern or condition stands: "protect", "keep",
	// "remove" (it holds there for what does not go) or "tags" (it is excluded).
	Shields string

	policy, rule int // -1: all of them
	pattern      pattern.Pattern
	list         pattern.List // that the pattern stands in
	roots        bool         // every root counts, not only those that the rule claims
	test         test
}

// Count is what was found of a Counted in one repository.
type Count struct {
	// Matched roots; repositories for a policy, verdicts for an item.
	Matched int
	// Unknown roots, of which a condition could not be told; for a rule, those
	// that it claims and that are held.
	Unknown int
	// Settled roots are those of a rule about which its remove conditions could
	// be told.
	Settled int
	// Missing is a fact for want of which roots of a rule are held.
	Missing string
	// Taken says of a policy or rule that others, which stand before it, have
	// what its patterns match.
	Taken bool
}

// Add joins the counts of two repositories.
func (c Count) Add(other Count) Count {
	missing := min(c.Missing, other.Missing) // whichever came first
	if missing == "" {
		missing = max(c.Missing, other.Missing)
	}
	return Count{
		Matched: c.Matched + other.Matched, Unknown: c.Unknown + other.Unknown, Settled: c.Settled + other.Settled,
		Missing: missing, Taken: c.Taken || other.Taken,
	}
}

// Undecided says of a rule that it decided nothing, because a fact of the images
// was missing of every root that it does not keep. Whether evidence of use is
// there is another matter.
func (c Count) Undecided() bool { return c.Unknown > 0 && c.Settled == 0 && c.Missing != factUse }

// Counted lists what Report.Counts counts, in its order.
func (p *Policy) Counted() []Counted { return p.counted }

// counter lists the places of a policy that are counted.
type counter struct{ all []Counted }

func counted(p *Policy) []Counted {
	var c counter
	c.items(p.protect, Counted{Shields: "protect", Key: "protect", policy: -1, rule: -1, roots: true}, true)
	for k, g := range p.policies {
		key := "policy " + g.repositories.String()
		c.all = append(c.all, Counted{Kind: CountPolicy, Key: key, Path: g.path, Line: g.line, Text: g.repositories.String(), policy: k, rule: -1})
		for n, r := range g.rules {
			in := Counted{Path: r.path, Line: r.line, policy: k, rule: n}
			in.Text = r.selector()
			in.Key = key + " rule " + in.Text
			rule := in
			rule.Untagged = r.tags.Empty()
			rule.Kind, rule.Keeps, rule.Removes = CountRule, len(r.keep) > 0 || len(r.remove) == 0, len(r.remove) > 0
			c.all = append(c.all, rule)
			excepted := in
			excepted.Shields, excepted.roots = "tags", true // another rule may claim them
			c.patterns(r.tags.Exclude(), r.tags, excepted)
			in.Shields = "remove"
			c.items(r.remove, in, false)
			in.Shields = "keep"
			c.items(r.keep, in, true)
		}
	}
	return c.all
}

// selector is what a rule claims, in short.
func (r *rule) selector() string {
	switch {
	case r.tags.Empty():
		return "untagged"
	case r.untagged:
		return r.tags.String() + " and untagged"
	}
	return r.tags.String()
}

// items counts listed conditions, each as an item and by what shields in it.
func (c *counter) items(items []*item, in Counted, shields bool) {
	for _, it := range items {
		in.Path, in.Line = it.path, it.line
		listed := in
		listed.Kind, listed.Text = CountItem, it.String()
		listed.Key += " " + in.Shields + " " + listed.Text
		c.all = append(c.all, listed)
		c.tests(it, in, shields)
	}
}

// tests walks the tests of an item. shields says whether a root of which a test
// is true stays for it: not: turns that round.
func (c *counter) tests(it *item, in Counted, shields bool) {
	for _, t := range it.tests {
		switch t := t.(type) {
		case *tagsTest:
			c.list(t.list, in, shields)
		case *imageTagsTest:
			all := in
			all.roots = true // a sibling need not be claimed by the same rule
			c.list(t.any, all, shields)
			c.list(t.all, all, shields)
			c.list(t.none, all, !shields)
		case *groupTest:
			for _, inside := range t.items {
				c.tests(inside, in, shields)
			}
		case *notTest:
			c.tests(t.item, in, !shields)
		case *mapTest, *listTest, *exprTest, *versionTest:
			if shields {
				in := in
				in.Kind, in.Text, in.test = CountCondition, t.String(), t
				in.Key += " " + in.Shields + " condition " + in.Text
				c.all = append(c.all, in)
			}
		}
	}
}

// list counts the patterns that shield: those of a list that shields, or those
// that a list excepts.
func (c *counter) list(list pattern.List, in Counted, shields bool) {
	if shields {
		c.patterns(list.Include(), list, in)
	} else {
		c.patterns(list.Exclude(), list, in)
	}
}

func (c *counter) patterns(patterns []pattern.Pattern, list pattern.List, in Counted) {
	for _, p := range patterns {
		in := in
		in.Kind, in.Text, in.pattern, in.list = CountPattern, p.String(), p, list
		in.Key += fmt.Sprintf(" %s pattern %s", in.Shields, in.Text)
		c.all = append(c.all, in)
	}
}

// count counts in one repository, whose roots were decided as the decisions
// say. Roots that a scan has only names of have names to count.
func (e *evaluation) count(decisions []Decision) []Count {
	counts := make([]Count, len(e.p.counted))
	if e.g == nil {
		return counts
	}
	items := map[string]int{}
	own := e.p.governs(e.repo.Name)
	for n := range e.p.counted {
		c := &e.p.counted[n]
		switch {
		case c.Kind == CountPolicy && c.policy > own:
			counts[n].Taken = e.p.policies[c.policy].repositories.Match(e.repo.Name)
		case c.policy >= 0 && c.policy != own:
		case c.Kind == CountPolicy:
			counts[n].Matched = 1
		case c.Kind == CountRule:
			counts[n] = e.countRule(c.rule, decisions)
		case c.Kind == CountItem:
			items[c.Path] = n
		default:
			counts[n] = e.countShield(c)
		}
	}
	for i := range decisions {
		if n, there := items[decisions[i].Reasons[0].Rule]; there && decisions[i].Verdict != Hold {
			counts[n].Matched++
		}
	}
	return counts
}

func (e *evaluation) countRule(rule int, decisions []Decision) Count {
	var c Count
	for i, k := range e.claims {
		if int(k) != rule {
			continue
		}
		c.Matched++
		switch d := &decisions[i]; {
		case d.Verdict == Hold:
			c.Unknown++
			if fact, ok := d.Reasons[0].Facts["unknown"].(string); ok && c.Missing == "" {
				c.Missing = fact
			}
		case d.Verdict == Remove || d.Reasons[0].Code == CodeNotDue || d.Reasons[0].Code == CodeFloor:
			c.Settled++
		}
	}
	if r := e.g.rules[rule]; c.Matched == 0 {
		for i := range e.roots {
			if tag := e.roots[i].Tag; tag == nil && r.untagged || tag != nil && r.tags.Match(tag.Name) {
				c.Taken = true
				break
			}
		}
	}
	return c
}

func (e *evaluation) countShield(c *Counted) Count {
	var count Count
	for i := range e.roots {
		if !c.roots && int(e.claims[i]) != c.rule {
			continue
		}
		if c.test != nil {
			switch c.test.truth(e, i) {
			case True:
				count.Matched++
			case Unknown:
				count.Unknown++
			}
			continue
		}
		tag := e.roots[i].Tag
		if tag == nil || !c.pattern.Match(tag.Name) {
			continue
		}
		if c.pattern.Excludes() || c.list.Match(tag.Name) {
			count.Matched++
		}
	}
	return count
}
