package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/regkeep/regkeep/internal/policy/order"
)

// by is what a ranking orders by, in the order of orderNames.
type by uint8

const (
	byAge by = iota
	byCreated
	byPushed
	byPulled
	bySemver
	byName
	byCaptured
)

// rankSpec says how the roots of a rule are ranked.
type rankSpec struct {
	by           by
	per          string // named group: one ranking per value
	group        string // byCaptured: the named group
	number, date bool   // byCaptured: how to read it; neither: by what there is
	tags         bool   // every tag uses a place; else images do
}

func (s rankSpec) timed() bool {
	return s.by <= byPulled || s.by == byCaptured && !s.number
}

func (s rankSpec) needs() need {
	switch s.by {
	case byAge:
		return needAge
	case byCreated:
		return needConfig
	}
	return 0
}

func (s rankSpec) String() string {
	text := ""
	if s.by != byAge {
		text += ", by: " + orderNames[s.by]
		if s.by == byCaptured {
			text = ", by: {captured: " + s.group + cond(s.number, ", as: number", "") + cond(s.date, ", as: date", "") + "}"
		}
	}
	if s.per != "" {
		text += ", per: " + s.per
	}
	if s.tags {
		text += ", count: tags"
	}
	return text
}

// ranking finds the place of a ranking among those of the rule, adding it.
func (r *rule) ranking(spec rankSpec) int {
	if i := slices.Index(r.rankings, spec); i >= 0 {
		return i
	}
	r.rankings = append(r.rankings, spec)
	return len(r.rankings) - 1
}

func (r *rule) marker(m marker) int {
	r.marked = append(r.marked, m)
	return len(r.marked) - 1
}

// ranker is a test that looks into a ranking.
type ranker interface{ ranks() }

// placing is where a root stands. Rank counts the images that are newer, plus
// one; 0 means that the order of the root is unknown. Last is the rank that
// the last image of its tie would have in a queue.
type placing struct{ rank, last, group int32 }

// group is one ranking of its own.
type group struct {
	name           string
	roots          int32 // claimed roots
	placed, unsure int32 // images with and without a known order
	open           int32 // of the unsure, those that a missing fact could place
}

// unit is what uses one place.
type unit struct {
	key   int64
	group int32
	id    int32
	first int32 // a root of it
	known bool
	open  bool // a missing fact could give it a place
}

// ranking is one order of one rule's roots.
type ranking struct {
	groups []group
	units  []unit  // known ones by group, the newest first
	unitOf []int32 // of each claimed root: unit.id
	size   int     // how many units there are, known or not
}

// rank orders the claimed roots of a rule.
func (e *evaluation) rank(r *rule, claimed []int32, spec rankSpec, places []placing) ranking {
	var rk ranking
	keys, known := e.keys(r, claimed, spec)
	groupOf := map[string]int32{}
	if spec.per == "" {
		rk.groups = []group{{}}
	}
	type pair struct{ group, image int32 }
	var unitOfPair map[pair]int32
	var unitOfImage []int32
	if !spec.tags {
		if spec.per != "" {
			unitOfPair = map[pair]int32{}
		} else {
			if e.unitOf == nil {
				e.unitOf = make([]int32, e.imageCount())
			}
			unitOfImage = e.unitOf
		}
	}
	rk.unitOf = make([]int32, len(claimed))
	units := make([]unit, 0, len(claimed))
	for c, i := range claimed {
		g := int32(0)
		if spec.per != "" {
			value, _ := r.tags.Capture(e.roots[i].Name(), spec.per)
			index, there := groupOf[value]
			if !there {
				index = int32(len(rk.groups))
				groupOf[value] = index
				rk.groups = append(rk.groups, group{name: value})
			}
			g = index
		}
		rk.groups[g].roots++
		places[i].group = g
		at := int32(len(units))
		if image := e.image(int(i)); !spec.tags && image >= 0 {
			if unitOfPair != nil {
				if index, there := unitOfPair[pair{g, image}]; there {
					at = index
				} else {
					unitOfPair[pair{g, image}] = at
				}
			} else if unitOfImage[image] > 0 {
				at = unitOfImage[image] - 1
			} else {
				unitOfImage[image] = at + 1
			}
		}
		if int(at) == len(units) {
			units = append(units, unit{key: keys[c], group: g, id: at, first: i, known: known[c]})
		} else {
			units[at].join(keys[c], known[c], spec)
		}
		rk.unitOf[c] = at
		units[at].open = units[at].open || !known[c] && (spec.by <= byPulled || !e.steady(int(i)))
	}
	if unitOfImage != nil {
		for _, i := range claimed {
			if image := e.image(int(i)); image >= 0 {
				unitOfImage[image] = 0
			}
		}
	}
	rk.size = len(units)
	for _, u := range units {
		switch g := &rk.groups[u.group]; {
		case u.known:
			g.placed++
		case u.open:
			g.open++
			fallthrough
		default:
			g.unsure++
		}
	}
	units = slices.DeleteFunc(units, func(u unit) bool { return !u.known })
	slices.SortFunc(units, func(a, b unit) int {
		if c := cmp.Compare(a.group, b.group); c != 0 {
			return c
		}
		if c := cmp.Compare(b.key, a.key); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(e.roots[a.first].Digest, e.roots[b.first].Digest), cmp.Compare(a.first, b.first))
	})
	rk.units = units
	rk.place(claimed, places)
	return rk
}

// join adds a root to the unit of its image. The image is as new as its newest
// tag; where a time of one of them is not known, nor is that of the image.
func (u *unit) join(key int64, known bool, spec rankSpec) {
	switch {
	case known && u.known:
		u.key = max(u.key, key)
	case spec.by <= byPulled:
		u.known = false
	case known:
		u.key, u.known = key, true
	}
}

// place writes the rank of every root.
func (rk *ranking) place(claimed []int32, places []placing) {
	ranks := make([]placing, rk.size)
	for from := 0; from < len(rk.units); {
		from = rk.placeGroup(from, ranks)
	}
	for c, i := range claimed {
		p := ranks[rk.unitOf[c]]
		places[i].rank, places[i].last = p.rank, p.last
	}
}

// placeGroup ranks the units of one group, which begins at from, and gives the
// place after it.
func (rk *ranking) placeGroup(from int, ranks []placing) int {
	group := rk.units[from].group
	for at := from; ; {
		if at == len(rk.units) || rk.units[at].group != group {
			return at
		}
		end := at
		for end < len(rk.units) && rk.units[end].group == group && rk.units[end].key == rk.units[at].key {
			end++
		}
		for _, u := range rk.units[at:end] {
			ranks[u.id] = placing{rank: int32(at - from + 1), last: int32(end - from)}
		}
		at = end
	}
}

// keys gives each claimed root a number, the newer the larger, and whether it
// is known. Roots that could not be read have none: they may not even be roots.
func (e *evaluation) keys(r *rule, claimed []int32, spec rankSpec) ([]int64, []bool) {
	keys, known := make([]int64, len(claimed)), make([]bool, len(claimed))
	if spec.by > byPulled {
		e.nameKeys(r, claimed, spec, keys, known)
		return keys, known
	}
	for c, i := range claimed {
		keys[c], known[c] = e.timeKey(r, int(i), spec.by)
	}
	return keys, known
}

func (e *evaluation) timeKey(r *rule, i int, b by) (int64, bool) {
	if !e.steady(i) {
		return 0, false
	}
	at, sure := e.at[i], e.sure[i]
	switch b {
	case byCreated:
		at, _, sure = e.age(i, FromCreated)
	case byPushed:
		at, _, sure = e.age(i, FromPushed)
	case byPulled:
		used, known := e.used(i)
		return used, known
	}
	if sure == ageNone && r.unknownOld {
		return oldest, true
	}
	return at, sure == ageKnown
}

// nameKeys numbers what the tags say, equal for equal.
func (e *evaluation) nameKeys(r *rule, claimed []int32, spec rankSpec, keys []int64, known []bool) {
	switch spec.by {
	case bySemver:
		versions := make([]*semver.Version, len(claimed))
		for c, i := range claimed {
			if e.steady(int(i)) {
				versions[c], known[c] = e.version(r, int(i))
			}
		}
		e.withoutDates(r, claimed, versions, known)
		number(versions, keys, known, (*semver.Version).Compare)
	case byName:
		tags := make([]string, len(claimed))
		for c, i := range claimed {
			tags[c], known[c] = e.roots[i].Name(), e.roots[i].Tag != nil && e.steady(int(i))
		}
		number(tags, keys, known, order.Natural)
	default:
		texts := make([]string, len(claimed))
		digits := !spec.date
		for c, i := range claimed {
			texts[c], known[c] = r.tags.Capture(e.roots[i].Name(), spec.group)
			known[c] = known[c] && texts[c] != ""
			digits = digits && (spec.number || !known[c] || order.IsNumber(texts[c]))
			known[c] = known[c] && e.steady(int(i))
		}
		if !digits {
			for c := range claimed {
				if known[c] {
					var t time.Time
					t, known[c] = order.Date(texts[c], e.set.zone)
					keys[c] = t.UnixNano()
					known[c] = known[c] && t.Year() >= 1970 && t.Year() < 2262
				}
			}
			return
		}
		for c := range claimed {
			known[c] = known[c] && order.IsNumber(texts[c])
		}
		number(texts, keys, known, order.Number)
	}
}

// number gives the known values the numbers of their places in ascending order.
func number[T any](values []T, keys []int64, known []bool, compare func(a, b T) int) {
	var at []int32
	for c := range values {
		if known[c] {
			at = append(at, int32(c))
		}
	}
	slices.SortFunc(at, func(a, b int32) int { return compare(values[a], values[b]) })
	var n int64
	for k, c := range at {
		if k > 0 && compare(values[at[k-1]], values[c]) != 0 {
			n++
		}
		keys[c] = n
	}
}

// withoutDates takes their order from tags such as 2024.01.31 where the rule
// claims other versions too: they would be newer than every release. Where the
// writer of the policy captured the version, it is one.
func (e *evaluation) withoutDates(r *rule, claimed []int32, versions []*semver.Version, known []bool) {
	dated, others := make([]bool, len(claimed)), false
	for c, i := range claimed {
		version, ok := e.version(r, int(i))
		dated[c] = ok && e.dated(r, int(i), version)
		others = others || ok && !dated[c]
	}
	for c := range claimed {
		if others && dated[c] {
			versions[c], known[c] = nil, false
		}
	}
}

// dated says whether the tag of a root may be a date as well as a version.
func (e *evaluation) dated(r *rule, i int, version *semver.Version) bool {
	_, captured := r.tags.Capture(e.roots[i].Name(), "version")
	return !captured && order.Dated(version)
}

// version reads the tag of a root as a version: what the rule's expression
// captured under that name, or the tag itself.
func (e *evaluation) version(r *rule, i int) (*semver.Version, bool) {
	tag := e.roots[i].Name()
	if tag == "" {
		return nil, false
	}
	if captured, found := r.tags.Capture(tag, "version"); found {
		return order.CapturedVersion(captured)
	}
	return order.Version(tag)
}
