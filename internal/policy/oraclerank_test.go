package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// oracleUnit is what takes one place in an order.
type oracleUnit struct {
	key   any // time.Time, string, or the version as numbers
	known bool
	roots []*oracleRoot
}

// ranking is an order as a policy asks for it.
type oracleOrder struct {
	by, per string
	tags    bool
}

func (s oracleOrder) text() string {
	text := ""
	if s.by != "" {
		text += ", by: " + s.by
	}
	if s.per != "" {
		text += ", per: " + s.per
	}
	if s.tags {
		text += ", count: tags"
	}
	return text
}

// rank gives the units of the ranking that a root is in, and its own.
func (o *oracle) rank(r *oracleRoot, s oracleOrder) (all []*oracleUnit, own *oracleUnit, roots int) {
	group := func(x *oracleRoot) string {
		if s.per == "" || x.tag == "" {
			return ""
		}
		return o.rules[x.rule].captures(x.tag)[s.per]
	}
	units := map[string]*oracleUnit{}
	for n, x := range o.roots {
		if x.rule != r.rule || group(x) != group(r) {
			continue
		}
		roots++
		id := string(x.m.Digest)
		if s.tags {
			id = fmt.Sprint(n)
		}
		key, known := o.key(x, s.by)
		u := units[id]
		switch {
		case u == nil:
			u = &oracleUnit{key: key, known: known}
			units[id] = u
			all = append(all, u)
		case known && u.known:
			if oracleCompare(key, u.key) > 0 {
				u.key = key
			}
		case timed(s.by): // the time of one of its tags is not known
			u.known = false
		case known:
			u.key, u.known = key, true
		}
		u.roots = append(u.roots, x)
		if x == r {
			own = u
		}
	}
	return all, own, roots
}

func timed(by string) bool {
	return by == "" || by == "created" || by == "pushed" || by == "pulled"
}

// never is older than everything: an unknown age under unknown_age: old.
var never = time.Time{}

// key is where a root stands in an order.
func (o *oracle) key(r *oracleRoot, by string) (any, bool) {
	switch by {
	case "", "created", "pushed":
		at, known := o.age(r)
		if by != "" {
			at, known = o.ageFrom(r, by)
		}
		if !known && o.old {
			return never, true
		}
		return at, known
	case "pulled":
		at, known := o.usedAt(r)
		return at, known
	case "name":
		return append(naturalKey(r.tag), "\x00"+r.tag), r.tag != "" // no two names are equal
	case "semver":
		v, ok := oracleVersion(r.tag)
		for _, x := range o.roots { // a date beside versions has no place
			if other, version := oracleVersion(x.tag); x.rule == r.rule && version && ok && datish(v) && !datish(other) {
				return nil, false
			}
		}
		return v, ok
	}
	group, _, _ := strings.Cut(strings.Fields(strings.Trim(by, "{}"))[1], ",")
	captured := o.rules[r.rule].captures(r.tag)[group]
	if strings.Contains(by, "date") {
		at, err := time.ParseInLocation("20060102", captured, o.zone)
		return at, err == nil
	}
	return naturalKey(captured), captured != ""
}

// oracleCompare orders keys of one kind.
func oracleCompare(a, b any) int {
	switch a := a.(type) {
	case time.Time:
		return a.Compare(b.(time.Time))
	case oracleSemver:
		return a.compare(b.(oracleSemver))
	default:
		return slices.Compare(a.([]string), b.([]string))
	}
}

// among says whether a root is among the newest n.
func (o *oracle) among(r *oracleRoot, s oracleOrder, n int) three {
	all, own, roots := o.rank(r, s)
	if roots <= n {
		return yes
	}
	newer := 0
	for _, u := range all {
		if u.known && own.known && oracleCompare(u.key, own.key) > 0 {
			newer++
		}
	}
	return three3(own.known, newer < n)
}

// calendar says whether a root is the newest of one of the last n periods.
func (o *oracle) calendar(r *oracleRoot, s oracleOrder, period string, n int) three {
	all, own, _ := o.rank(r, s)
	if !own.known {
		return maybe
	}
	newestOf := map[string]time.Time{}
	for _, u := range all {
		if !u.known {
			continue
		}
		at := u.key.(time.Time)
		name := o.period(at, period)
		if first, there := newestOf[name]; !there || at.After(first) {
			newestOf[name] = at
		}
	}
	var firsts []time.Time
	for _, at := range newestOf {
		firsts = append(firsts, at)
	}
	slices.SortFunc(firsts, func(a, b time.Time) int { return b.Compare(a) })
	return three3(true, slices.ContainsFunc(firsts[:min(n, len(firsts))], own.key.(time.Time).Equal))
}

func (o *oracle) period(at time.Time, period string) string {
	if at.Equal(never) {
		return "never"
	}
	at = at.In(o.zone)
	switch period {
	case "hourly":
		return at.Format("2006-01-02 15 -0700")
	case "daily":
		return at.Format("2006-01-02")
	case "weekly":
		monday := at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
		return monday.Format("2006-01-02")
	case "monthly":
		return at.Format("2006-01")
	}
	return at.Format("2006")
}
