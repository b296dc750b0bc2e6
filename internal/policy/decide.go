package policy

import (
	"github.com/regkeep/regkeep/internal/oci"
)

// sharedKey names reasons that are the same for many roots.
type sharedKey struct {
	item  int // item.id, or a negative number for what no item says
	code  Code
	group int32
}

// Items that are none.
const (
	noPolicy = -1 - iota
	noRule
	builtinItem
	gapFound
	floorHolds
	ruleBase // less the index of the rule
)

// report decides every root, then applies what stands above single roots.
func (e *evaluation) report() Report {
	report := Report{Repository: e.repo.Name, Policy: -1, Decisions: make([]Decision, len(e.roots))}
	if e.g != nil {
		report.Policy = e.p.governs(e.repo.Name)
	}
	for i := range e.roots {
		report.Decisions[i] = e.decide(i)
	}
	e.holdUnread(report.Decisions)
	e.floor(report.Decisions)
	e.holdGaps(report.Decisions)
	report.Warnings = e.warnings
	report.Refusals = e.refusals(report.Decisions)
	report.Counts = e.count(report.Decisions)
	return report
}

// decide follows the order of the language: protect, keep, remove.
func (e *evaluation) decide(i int) Decision {
	d := Decision{Root: e.roots[i], Verdict: Keep}
	if e.sure[i] == ageKnown {
		d.AgeFrom = e.from[i]
	}
	r := e.rule(i)
	switch {
	case e.g == nil:
		d.Reasons = e.plain(noPolicy, CodeNoPolicy, "", 0, nil)
		return d
	case e.isNamed(i):
		d.Reasons = e.named(i)
		return d
	case r == nil:
		d.Reasons = e.plain(noRule, CodeNoRule, e.g.path, e.g.line, nil)
		return d
	}
	holds, doubt := e.first(e.p.protect, i)
	if holds != nil {
		d.Reasons = e.reason(holds, i, True, true)
		return d
	}
	if e.builtinLatest(i) {
		d.Reasons = e.plain(builtinItem, CodeProtected, "", 0, map[string]any{"tag": builtinTag})
		return d
	}
	holds, keepDoubt := e.first(r.keep, i)
	if holds != nil {
		d.Reasons = e.reason(holds, i, True, false)
		return d
	}
	if doubt == nil {
		doubt = keepDoubt
	}
	due, dueDoubt := e.first(r.remove, i)
	switch {
	case due == nil && dueDoubt == nil:
		d.Reasons = e.plain(ruleBase-int(e.claims[i]), CodeNotDue, r.path, r.line, nil)
	case doubt != nil:
		d.Verdict, d.Reasons = Hold, e.reason(doubt, i, Unknown, false)
	case due != nil:
		d.Verdict, d.Reasons = Remove, e.reason(due, i, True, false)
		if !r.quarantine.Zero() {
			d.Quarantine = &r.quarantine
		}
	default:
		d.Verdict, d.Reasons = Hold, e.reason(dueDoubt, i, Unknown, false)
	}
	return d
}

// isNamed says whether a root is a digest without a tag that something is known
// to use.
func (e *evaluation) isNamed(i int) bool {
	root := &e.roots[i]
	return root.Tag == nil && root.Manifest != nil && root.Manifest.Named
}

// named is the reason of a digest without a tag that something is known to use:
// it stays where the policy asks for use at all, because nobody could put it
// back by name.
func (e *evaluation) named(i int) []Reason {
	digest := e.roots[i].Digest
	used := use{via: string(digest)}
	if witnesses := e.evidence.Digest(e.repo.Registry, e.repo.Name, digest); len(witnesses) > 0 {
		used.witness = firstWitness(witnesses)
	}
	return []Reason{{Code: CodeInUse, Facts: used.facts()}}
}

// builtinTag is protected unless the policy says otherwise.
const builtinTag = "latest"

// builtinLatest says whether that protects a root that a rule claims.
func (e *evaluation) builtinLatest(i int) bool {
	return e.p.builtin && e.roots[i].Name() == builtinTag && !e.rule(i).tags.Names(builtinTag)
}

// first finds the first item that holds, or else the first that might.
func (e *evaluation) first(items []*item, i int) (holds, doubt *item) {
	for _, it := range items {
		switch it.truth(e, i) {
		case True:
			return it, nil
		case Unknown:
			if doubt == nil {
				doubt = it
			}
		}
	}
	return nil, doubt
}

// truth of an item: all of its tests hold.
func (it *item) truth(e *evaluation, i int) Truth {
	value := True
	for _, t := range it.tests {
		if value = min(value, t.truth(e, i)); value == False {
			return False
		}
	}
	return value
}

func (e *evaluation) plain(id int, code Code, path string, line int, facts map[string]any) []Reason {
	key := sharedKey{item: id, code: code}
	if reasons, there := e.shared[key]; there {
		return reasons
	}
	reasons := []Reason{{Code: code, Rule: path, Line: line, Facts: facts}}
	e.shared[key] = reasons
	return reasons
}

// reason says why an item decided, made once for all roots where it can be.
func (e *evaluation) reason(it *item, i int, value Truth, protect bool) []Reason {
	t := it.tests[0]
	if value == Unknown {
		t = it.doubtful(e, i)
		missing := t.missing(e, i)
		code := CodeUnreadable
		if missing == factAge {
			code = CodeUnknownAge
		}
		key := sharedKey{item: it.id, code: Code("unknown " + missing)}
		if reasons, there := e.shared[key]; there {
			return reasons
		}
		reasons := []Reason{{Code: code, Rule: it.path, Line: it.line, Facts: map[string]any{"unknown": missing}}}
		e.shared[key] = reasons
		return reasons
	}
	code := codeOf(e, t, i)
	if protect && code != CodeInUse {
		code = CodeProtected
	}
	group := int32(-1)
	if g, ok := t.(grouped); ok {
		group = g.group(e, i)
	} else if _, own := t.(individual); !own {
		group = 0
	}
	key := sharedKey{item: it.id, code: code, group: group}
	if group >= 0 {
		if reasons, there := e.shared[key]; there {
			return reasons
		}
	}
	facts := t.facts(e, i)
	if protect && t.code() != CodeInUse {
		with := map[string]any{"condition": string(t.code())}
		for k, v := range facts {
			with[k] = v
		}
		facts = with
	}
	reasons := []Reason{{Code: code, Rule: it.path, Line: it.line, Facts: facts}}
	if group >= 0 {
		e.shared[key] = reasons
	}
	return reasons
}

// grouped is a test whose facts are the same for all roots of one group; -1
// where they are not.
type grouped interface {
	group(e *evaluation, i int) int32
}

// individual is a test with facts of each root's own.
type individual interface{ individual() }

// recoded is a test that can have another code than its own.
type recoded interface {
	codeFor(e *evaluation, i int) Code
}

func codeOf(e *evaluation, t test, i int) Code {
	if r, ok := t.(recoded); ok {
		return r.codeFor(e, i)
	}
	return t.code()
}

// doubtful is the first test of the item that is unknown.
func (it *item) doubtful(e *evaluation, i int) test {
	for _, t := range it.tests {
		if t.truth(e, i) == Unknown {
			return t
		}
	}
	return it.tests[0]
}

// holdUnread holds what would go although nobody knows what it is.
func (e *evaluation) holdUnread(decisions []Decision) {
	for i := range decisions {
		d := &decisions[i]
		if d.Verdict != Remove {
			continue
		}
		what := ""
		switch m := d.Root.Manifest; {
		case !e.resolved(i):
			what = unread(e, i)
		case m.Kind == oci.KindUnknown && (m.Read || m.MediaType != "") || m.Kind == oci.KindSchema1:
			what = "media type"
		case d.Root.Tag == nil && e.blind:
			what = "parents"
		default:
			continue
		}
		d.Verdict = Hold
		d.Reasons = e.instead(d.Reasons, CodeUnreadable, map[string]any{"unknown": what})
	}
}

// instead gives the reason that stops a removal, at the line that would have
// removed.
func (e *evaluation) instead(would []Reason, code Code, facts map[string]any) []Reason {
	return []Reason{{Code: code, Rule: would[0].Rule, Line: would[0].Line, Facts: facts}}
}

// holdGaps holds everything where the repository could not be read whole.
func (e *evaluation) holdGaps(decisions []Decision) {
	if len(e.repo.Gaps) == 0 {
		return
	}
	facts := map[string]any{"gap": e.repo.Gaps[0].Code, "message": e.repo.Gaps[0].Message}
	for i := range decisions {
		if d := &decisions[i]; d.Verdict == Remove {
			d.Verdict, d.Reasons = Hold, e.instead(d.Reasons, CodeGap, facts)
		}
	}
}
