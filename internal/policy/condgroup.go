package policy

import (
	"slices"
	"strings"
)

// groupTest is any and all.
type groupTest struct {
	name  string
	items []*item
}

func (t *groupTest) truth(e *evaluation, i int) Truth {
	if t.name == "all" {
		value := True
		for _, it := range t.items {
			value = min(value, it.truth(e, i))
		}
		return value
	}
	value := False
	for _, it := range t.items {
		value = max(value, it.truth(e, i))
	}
	return value
}

// deciding is the first item inside that has the value of the whole.
func (t *groupTest) deciding(e *evaluation, i int) *item {
	value := t.truth(e, i)
	for _, it := range t.items {
		if it.truth(e, i) == value {
			return it
		}
	}
	return t.items[0]
}

func (t *groupTest) missing(e *evaluation, i int) string {
	return t.deciding(e, i).doubtful(e, i).missing(e, i)
}

func (t *groupTest) facts(e *evaluation, i int) map[string]any {
	return t.deciding(e, i).tests[0].facts(e, i)
}

func (t *groupTest) codeFor(e *evaluation, i int) Code {
	return codeOf(e, t.deciding(e, i).tests[0], i)
}

func (t *groupTest) explain(e *evaluation, i int) account {
	return account{inside: e.nodes(t.items, i)}
}

func (t *groupTest) individual() {}
func (t *groupTest) code() Code  { return t.items[0].tests[0].code() }
func (t *groupTest) needs() need { return needsOf(t.items) }
func (t *groupTest) String() string {
	parts := make([]string, len(t.items))
	for i, it := range t.items {
		parts[i] = it.String()
	}
	return t.name + ": [" + strings.Join(parts, ", ") + "]"
}

// notTest is not. Unknown stays unknown.
type notTest struct{ item *item }

func (t *notTest) truth(e *evaluation, i int) Truth { return True - t.item.truth(e, i) }

func (t *notTest) missing(e *evaluation, i int) string {
	return t.item.doubtful(e, i).missing(e, i)
}

func (t *notTest) facts(*evaluation, int) map[string]any {
	return map[string]any{"not": t.item.String()}
}

func (t *notTest) explain(e *evaluation, i int) account {
	return account{inside: e.nodes([]*item{t.item}, i)}
}

func (t *notTest) code() Code     { return t.item.tests[0].code() }
func (t *notTest) needs() need    { return t.item.needs() }
func (t *notTest) String() string { return "not: " + t.item.String() }

// saysEverything finds everything: true at any depth.
func (it *item) saysEverything() bool {
	return slices.ContainsFunc(it.tests, func(t test) bool {
		switch t := t.(type) {
		case everythingTest:
			return true
		case *groupTest:
			return slices.ContainsFunc(t.items, (*item).saysEverything)
		case *notTest:
			return t.item.saysEverything()
		}
		return false
	})
}

// String is the canonical text of an item.
func (it *item) String() string {
	parts := make([]string, len(it.tests))
	for i, t := range it.tests {
		parts[i] = t.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
