package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/regkeep/regkeep/internal/policy/document"
)

// versionTest is semver. Versions are those of the rule's claimed tags; several
// tags with one version use one place.
type versionTest struct {
	text        string // the range; "" for every version
	constraint  *semver.Constraints
	newest      int // 0: all of the range
	per         string
	prereleases bool
	marks       int
}

func (c *compiler) semver(v *document.Value, s scope) test {
	if !c.mapping(v, "semver", semverKeys) {
		return nil
	}
	t := &versionTest{}
	for _, field := range v.Fields {
		switch field.Key {
		case "range":
			t.text = c.text(field.Value, "range")
			constraint, err := semver.NewConstraint(t.text)
			if err != nil {
				c.problem(field.Value, "", "range %q is none (%v): write such as >=1.2, ~1.4 or >=1 <3", t.text, err)
				continue
			}
			t.constraint = constraint
		case "newest":
			t.newest = c.whole(field.Value, "newest", 1)
		case "per":
			t.per = c.choice(field.Value, semverKeys, "per")
		case "prereleases":
			t.prereleases = c.boolean(field.Value, "prereleases")
		}
	}
	switch {
	case v.Field("range") == nil && v.Field("newest") == nil:
		c.problem(v, "", "semver needs a range, a number of newest versions, or both")
	case t.per != "" && t.newest == 0:
		c.problem(v, "", "per: %s of semver needs newest beside it", t.per)
	}
	if t.constraint != nil {
		t.constraint.IncludePrerelease = t.prereleases
	}
	t.marks = s.rule.marker(t)
	return t
}

// candidate says whether a root's tag is a version that counts.
func (t *versionTest) candidate(e *evaluation, r *rule, i int) (*semver.Version, bool) {
	version, ok := e.version(r, i)
	if !ok || version.Prerelease() != "" && !t.prereleases {
		return nil, false
	}
	return version, t.constraint == nil || t.constraint.Check(version)
}

func (t *versionTest) line(v *semver.Version) [3]uint64 {
	switch t.per {
	case "major":
		return [3]uint64{v.Major()}
	case "minor":
		return [3]uint64{v.Major(), v.Minor()}
	case "patch":
		return [3]uint64{v.Major(), v.Minor(), v.Patch()}
	}
	return [3]uint64{}
}

func (t *versionTest) mark(e *evaluation, r *rule, claimed []int32, _ []ranking, marks []mark) {
	type claim struct {
		root    int32
		version *semver.Version
	}
	lines := map[[3]uint64][]claim{}
	for _, i := range claimed {
		if version, counts := t.candidate(e, r, int(i)); counts {
			lines[t.line(version)] = append(lines[t.line(version)], claim{i, version})
		}
	}
	for _, line := range lines {
		open := 0
		if t.newest > 0 {
			isDate := func(c claim) bool { return e.dated(r, int(c.root), c.version) }
			mixed := slices.ContainsFunc(line, func(c claim) bool { return !isDate(c) })
			line = slices.DeleteFunc(line, func(c claim) bool {
				steady := e.steady(int(c.root))
				placeless := !steady || mixed && isDate(c)
				if placeless {
					marks[c.root] = markUnknown
				}
				if !steady {
					open++
				}
				return placeless
			})
		}
		slices.SortFunc(line, func(a, b claim) int { return b.version.Compare(a.version) })
		place := 0
		for k, c := range line {
			if k == 0 || !line[k-1].version.Equal(c.version) {
				place++
			}
			switch {
			case t.newest == 0 || place+open <= t.newest:
				marks[c.root] = markTrue
			case place <= t.newest:
				marks[c.root] = markOpen
			}
		}
	}
}

func (t *versionTest) truth(e *evaluation, i int) Truth {
	if m := e.marks[t.marks][i]; m != markOpen || !e.doubting {
		return m.truth()
	}
	return Unknown
}

func (t *versionTest) missing(e *evaluation, i int) string {
	if e.steady(i) {
		return factOrder
	}
	return unread(e, i)
}

func (t *versionTest) facts(*evaluation, int) map[string]any {
	facts := map[string]any{}
	if t.text != "" {
		facts["range"] = t.text
	}
	if t.newest > 0 {
		facts["limit"] = t.newest
	}
	return facts
}

func (t *versionTest) explain(e *evaluation, i int) account {
	version, ok := e.version(e.rule(i), i)
	a := account{rests: restsTag}
	switch {
	case !ok:
		a.fact = "the tag is no version"
	case version.Prerelease() != "" && !t.prereleases:
		a.fact = version.String() + " is a pre-release"
	case t.truth(e, i) == Unknown && e.steady(i):
		a.fact = version.Original() + " may be a date and would outrank the other versions of the rule"
	default:
		a.fact = "the version is " + version.String()
	}
	return a
}

func (t *versionTest) code() Code  { return CodeSemver }
func (t *versionTest) needs() need { return 0 }
func (t *versionTest) String() string {
	var parts []string
	if t.text != "" {
		parts = append(parts, fmt.Sprintf("range: %q", t.text))
	}
	if t.newest > 0 {
		parts = append(parts, fmt.Sprintf("newest: %d", t.newest))
	}
	if t.per != "" {
		parts = append(parts, "per: "+t.per)
	}
	if t.prereleases {
		parts = append(parts, "prereleases: true")
	}
	return "semver: {" + strings.Join(parts, ", ") + "}"
}
