// Package reference says what should happen to a world, worked out a second
// time from the page of semantics and not from the product: the verdicts of
// the simple policy (older than so long, but keep the newest so many), and
// which manifests and tags are then doomed. Tests hold the product against it.
//
// It promises to be plain rather than fast. It shares no code with the packages
// that decide and plan.
package reference

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Verdict on a root.
type Verdict uint8

const (
	Keep Verdict = iota
	Remove
	Hold
)

func (v Verdict) String() string { return [...]string{"keep", "remove", "hold"}[v] }

// Root is a tag that is no attachment, or an untagged manifest that is neither
// a child nor an attachment (then Tag is "").
type Root struct {
	Repository string
	Tag        string
	Digest     oci.Digest
}

// Verdicts by root. A root that is not there is kept.
type Verdicts map[Root]Verdict

// Roots lists the roots of a repository, tags by name and then untagged
// manifests by digest.
func Roots(r *world.Repository) []Root {
	var roots []Root
	pointed := map[oci.Digest]bool{}
	for tag, digest := range r.Tags {
		pointed[digest] = true
		_, _, byName := oci.ParseAttachmentTag(tag)
		if m := r.Manifests[digest]; !byName && (m == nil || m.Subject == "") {
			roots = append(roots, Root{r.Name, tag, digest})
		}
	}
	for _, m := range r.Manifests {
		for _, child := range m.Children {
			pointed[child.Digest] = true
		}
	}
	for digest, m := range r.Manifests {
		if !pointed[digest] && m.Subject == "" {
			roots = append(roots, Root{r.Name, "", digest})
		}
	}
	slices.SortFunc(roots, func(a, b Root) int {
		return cmp.Or(cmp.Compare(b2i(a.Tag == ""), b2i(b.Tag == "")), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	})
	return roots
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Policy is "remove what is older than OlderThan, keep the newest Newest
// images", with one rule for every repository.
type Policy struct {
	OlderThan  time.Duration
	Everything bool // remove whatever the age, in place of OlderThan
	Newest     int
	Tags       []string // which tags the rule claims; none: all
	Untagged   bool     // the rule claims untagged manifests too, where they are listed
	Keep       []string // tags that the rule keeps
	Protect    []string // tags that nothing removes
	// Unprotected lifts the protection of the tag "latest" (protect: []).
	Unprotected bool
	NoFloor     bool
	// OldIfUnknown: an unknown age counts as old (unknown_age: old).
	OldIfUnknown bool
	// PushTimes and ManifestTimes: the registry tells when tags, and when
	// manifests, were pushed.
	PushTimes     bool
	ManifestTimes bool
}

// Verdicts of the policy on a world at an instant.
func (p Policy) Verdicts(w *world.World, now time.Time) Verdicts {
	verdicts := Verdicts{}
	for _, name := range w.Names() {
		p.repository(w.Repositories[name], now, verdicts)
	}
	return verdicts
}

func matches(patterns []string, tag string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, tag)
		return ok && err == nil
	})
}

func (p Policy) repository(r *world.Repository, now time.Time, verdicts Verdicts) {
	roots := Roots(r)
	if !p.Untagged { // then nobody asks for them
		roots = slices.DeleteFunc(roots, func(root Root) bool { return root.Tag == "" })
	}
	times := p.times(r, roots, now)
	var claimed []Root
	for _, root := range roots {
		if root.Tag == "" && p.Untagged || root.Tag != "" && (len(p.Tags) == 0 || matches(p.Tags, root.Tag)) {
			claimed = append(claimed, root)
		}
	}
	newest := p.newest(claimed, times)
	for _, root := range roots {
		switch {
		case !slices.Contains(claimed, root), matches(p.Protect, root.Tag), matches(p.Keep, root.Tag),
			root.Tag == "latest" && !p.Unprotected && !slices.Contains(p.Tags, "latest"):
			verdicts[root] = Keep
		default:
			verdicts[root] = p.verdict(times[root], newest[root], now)
		}
	}
	if !p.NoFloor {
		floor(roots, times, verdicts)
	}
}

// three is a truth value: no, maybe, yes.
type three uint8

const (
	no three = iota
	maybe
	yes
)

func (p Policy) verdict(at time.Time, newest three, now time.Time) Verdict {
	due := no
	switch {
	case p.Everything:
		due = yes
	case at.IsZero() && p.OldIfUnknown:
		due = yes
	case at.IsZero():
		due = maybe
	case now.Sub(at) > p.OlderThan:
		due = yes
	}
	switch {
	case newest == yes, due == no:
		return Keep
	case newest == maybe, due == maybe:
		return Hold
	default:
		return Remove
	}
}

// newest says which claimed roots are among the newest images.
func (p Policy) newest(claimed []Root, times map[Root]time.Time) map[Root]three {
	among := map[Root]three{}
	images := map[oci.Digest]time.Time{} // the latest of the roots on it
	for _, root := range claimed {
		images[root.Digest] = latest(images[root.Digest], times[root])
	}
	for _, root := range claimed {
		if times[root].IsZero() && (!p.OldIfUnknown || images[root.Digest].IsZero()) {
			delete(images, root.Digest) // its order is unknown, and so is that of its siblings
		}
	}
	for _, root := range claimed {
		at, known := images[root.Digest]
		newer := 0
		for _, other := range images {
			if other.After(at) {
				newer++
			}
		}
		switch {
		case p.Newest > 0 && len(claimed) <= p.Newest:
			among[root] = yes
		case p.Newest == 0:
			among[root] = no // no such condition
		case known && newer < p.Newest: // ties count as one another's equals
			among[root] = yes
		case known:
			among[root] = no
		case p.OldIfUnknown:
			among[root] = oldest(len(images), p.Newest)
		default:
			among[root] = maybe
		}
	}
	return among
}

// oldest places images of unknown age, which count as old, behind the others.
func oldest(known, newest int) three {
	if known < newest {
		return yes
	}
	return no
}

// trusted drops times that say nothing.
func trusted(t, now time.Time) time.Time {
	if t.Before(time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)) || t.After(now.Add(24*time.Hour)) {
		return time.Time{}
	}
	return t
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// times is the instant from which the age of each root counts.
func (p Policy) times(r *world.Repository, roots []Root, now time.Time) map[Root]time.Time {
	pushed := map[Root]time.Time{}
	for _, root := range roots {
		var tag, manifest time.Time
		if p.PushTimes && root.Tag != "" {
			tag = r.Pushed[root.Tag]
		}
		if p.ManifestTimes {
			manifest = r.Pushed[string(root.Digest)]
		}
		if at := latest(trusted(tag, now), trusted(manifest, now)); !at.IsZero() {
			pushed[root] = at
		}
	}
	if collapsed(pushed, len(roots)) {
		clear(pushed)
	}
	times := map[Root]time.Time{}
	for _, root := range roots {
		var created time.Time
		if m := r.Manifests[root.Digest]; m != nil {
			created = trusted(r.Created(m), now)
		}
		times[root] = latest(pushed[root], created)
	}
	return times
}

// collapsed: nine in ten of at least ten roots were pushed inside one minute.
func collapsed(pushed map[Root]time.Time, roots int) bool {
	for _, start := range pushed {
		inside := 0
		for _, at := range pushed {
			if !at.Before(start) && at.Before(start.Add(time.Minute)) {
				inside++
			}
		}
		if roots >= 10 && inside*10 >= roots*9 {
			return true
		}
	}
	return false
}

// floor keeps the newest image, with all that tie, where none would certainly
// stay. What is held is not certain: were its facts known, it might go. An
// untagged manifest counts only where there are no tags: children that a grace
// period left behind must not stand in for the last tag when planning once
// more.
func floor(roots []Root, times map[Root]time.Time, verdicts Verdicts) {
	if slices.ContainsFunc(roots, func(root Root) bool { return root.Tag != "" }) {
		roots = slices.DeleteFunc(slices.Clone(roots), func(root Root) bool { return root.Tag == "" })
	}
	images := map[oci.Digest]time.Time{}
	unknown := map[oci.Digest]bool{} // might be the newest
	for _, root := range roots {
		if verdicts[root] == Keep {
			return
		}
		images[root.Digest] = latest(images[root.Digest], times[root])
		unknown[root.Digest] = unknown[root.Digest] || times[root].IsZero()
	}
	for _, root := range roots {
		newer := slices.ContainsFunc(roots, func(other Root) bool {
			return !unknown[other.Digest] && images[other.Digest].After(images[root.Digest])
		})
		if verdicts[root] == Remove && (!newer || unknown[root.Digest]) {
			verdicts[root] = Keep
		}
	}
}
