package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// matcher is patterns with what they match.
type matcher struct {
	text  string
	match func(string) bool
}

func re(text, include, exclude string) matcher {
	in, out := regexp.MustCompile("^(?:"+include+")$"), regexp.MustCompile("^(?:"+exclude+")$")
	return matcher{text, func(s string) bool { return in.MatchString(s) && (exclude == "" || !out.MatchString(s)) }}
}

var oracleTags = []matcher{
	re(`["v*"]`, "v.*", ""), re(`["*", "!prod", "!v1.*"]`, ".*", `prod|v1\..*`), re(`["/main-.*/", pr-1]`, "main-.*|pr-1", ""),
	re(`["!v*"]`, ".*", "v.*"), re(`["{dev,nightly}-*"]`, "(dev|nightly)-.*", ""), re(`["?[0-9].*"]`, `.[0-9]\..*`, ""), re(`["v1"]`, "v1", ""),
}

// oracleUses is which tags and digests somebody uses.
type oracleUses struct {
	known   bool
	tags    map[string]bool
	digests map[oci.Digest]bool
}

func usesOf(e *usage.Evidence) oracleUses {
	u := oracleUses{known: e.Known("r.example.com"), tags: map[string]bool{}, digests: map[oci.Digest]bool{}}
	for _, tag := range tagPool {
		u.tags[tag] = len(e.Tag("r.example.com", "team/app", tag)) > 0
	}
	return u
}

// inUse: the tag, the digest, an index above or a child below was seen.
func (o *oracle) inUse(r *oracleRoot, e *usage.Evidence) three {
	seen := map[oci.Digest]bool{}
	for digest := range o.w.repo.Manifests {
		seen[digest] = len(e.Digest(o.w.repo.Registry, o.w.repo.Name, digest)) > 0
	}
	for _, tag := range o.w.repo.Tags {
		seen[tag.Digest] = seen[tag.Digest] || o.uses.tags[tag.Name]
	}
	var below, above func(oci.Digest) bool
	below = func(digest oci.Digest) bool {
		return seen[digest] || slices.ContainsFunc(o.w.repo.Manifests[digest].Children, func(d oci.Descriptor) bool { return below(d.Digest) })
	}
	above = func(digest oci.Digest) bool {
		if seen[digest] {
			return true
		}
		for parent, m := range o.w.repo.Manifests {
			if slices.ContainsFunc(m.Children, func(d oci.Descriptor) bool { return d.Digest == digest }) && above(parent) {
				return true
			}
		}
		return false
	}
	if below(r.m.Digest) || above(r.m.Digest) {
		return yes
	}
	return three3(o.uses.known, false)
}

// usedAt is when a root was last pulled or pushed, and whether that is known.
func (o *oracle) usedAt(r *oracleRoot) (time.Time, bool) {
	arrived := newest(r.pushed, r.seen)
	return newest(arrived, r.pulled), !arrived.IsZero() && (!r.pulled.IsZero() || o.pullsTell)
}

func (o *oracle) siblings(r *oracleRoot) []string {
	var tags []string
	for _, x := range o.roots {
		if x.m == r.m && x.tag != "" {
			tags = append(tags, x.tag)
		}
	}
	return tags
}

// oracleSemver is a version as its parts; the last is the pre-release.
type oracleSemver struct {
	n   [3]int
	pre string
}

func (a oracleSemver) compare(b oracleSemver) int {
	if c := slices.Compare(a.n[:], b.n[:]); c != 0 {
		return c
	}
	switch { // a pre-release comes before its release
	case a.pre == b.pre:
		return 0
	case a.pre == "":
		return 1
	case b.pre == "":
		return -1
	}
	return strings.Compare(a.pre, b.pre) // rc.1 and rc.2 are all there are
}

var versionShape = regexp.MustCompile(`^v?([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:-([0-9A-Za-z.-]+))?$`)

func oracleVersion(tag string) (v oracleSemver, ok bool) {
	parts := versionShape.FindStringSubmatch(tag)
	if parts == nil {
		return v, false
	}
	for i := range 3 {
		v.n[i], _ = strconv.Atoi(parts[i+1])
	}
	v.pre = parts[4]
	return v, true
}

func datish(v oracleSemver) bool {
	return v.n[0] >= 1970 && v.n[0] <= 2099 && 1 <= v.n[1] && v.n[1] <= 12 && v.n[2] <= 31
}

// naturalKey makes names comparable piece by piece: digits before other
// characters, numbers by length and then by digits.
func naturalKey(name string) []string {
	var key []string
	for _, piece := range regexp.MustCompile(`[0-9]+|[^0-9]`).FindAllString(name, -1) {
		if piece[0] >= '0' && piece[0] <= '9' {
			trimmed := strings.TrimLeft(piece, "0")
			piece = fmt.Sprintf("0%04d%s", len(trimmed), trimmed)
		} else {
			piece = "1" + piece
		}
		key = append(key, piece)
	}
	return key
}

// oracleSemverKeep is the condition semver.
func oracleSemverKeep(t *rapid.T) oracleItem {
	ranges := []struct {
		text string
		in   func(v oracleSemver) bool
	}{
		{"", func(oracleSemver) bool { return true }},
		{">=1.1", func(v oracleSemver) bool { return slices.Compare(v.n[:], []int{1, 1, 0}) >= 0 }},
		{"<2", func(v oracleSemver) bool { return v.n[0] < 2 }},
		{"~1.1", func(v oracleSemver) bool { return v.n[0] == 1 && v.n[1] == 1 }},
	}
	of := rapid.SampledFrom(ranges).Draw(t, "range")
	per := rapid.SampledFrom([]string{"", "major", "minor", "patch"}).Draw(t, "per")
	n := rapid.IntRange(0, 3).Draw(t, "newest")
	pre := rapid.Bool().Draw(t, "prereleases") && of.text == ""
	if of.text == "" && n == 0 || per != "" && n == 0 {
		n = 1
	}
	text := fmt.Sprintf("semver: {prereleases: %t", pre)
	if of.text != "" {
		text += fmt.Sprintf(", range: %q", of.text)
	}
	if n > 0 {
		text += fmt.Sprintf(", newest: %d", n)
	}
	if per != "" {
		text += ", per: " + per
	}
	parts := map[string]int{"": 0, "major": 1, "minor": 2, "patch": 3}[per]
	return oracleItem{text + "}", func(o *oracle, r *oracleRoot) three {
		counts := func(x *oracleRoot) (oracleSemver, bool) {
			v, ok := oracleVersion(x.tag)
			return v, ok && x.rule == r.rule && (pre || v.pre == "") && of.in(v)
		}
		own, ok := counts(r)
		if !ok || n == 0 {
			return three3(true, ok)
		}
		higher, mixed := map[oracleSemver]bool{}, false
		var line []oracleSemver
		for _, x := range o.roots {
			if v, ok := counts(x); ok && slices.Equal(v.n[:parts], own.n[:parts]) {
				line = append(line, v)
				mixed = mixed || !datish(v)
			}
		}
		if mixed && datish(own) {
			return maybe
		}
		for _, v := range line {
			if v.compare(own) > 0 && !(mixed && datish(v)) {
				higher[v] = true
			}
		}
		return three3(true, len(higher) < n)
	}}
}
