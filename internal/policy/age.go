package policy

import (
	"math"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// AgeSource is where an age is counted from.
type AgeSource uint8

// FromLatest is the latest trusted of the others; of a decision it says that no
// age is known.
const (
	FromLatest AgeSource = iota
	FromPushed
	FromCreated
	FromSeen
)

func (s AgeSource) String() string { return [...]string{"", "pushed", "created", "seen"}[s] }

// Instants are counted in nanoseconds since 1970 here; none is 0, because
// times before 2013 are not trusted.
const (
	noTime  int64 = 0
	oldest  int64 = math.MinInt64 // unknown_age: old
	farAway       = 24 * time.Hour
)

// Docker was first shown in March 2013: an image cannot be older, and stamps
// of 1970 and 1980 are those of reproducible builds.
var firstTrusted = time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)

// certainty of an age.
type certainty uint8

const (
	ageKnown  certainty = iota
	ageNone             // everything was read and no time can be trusted
	ageUnread           // something was not read; the instant is the earliest that it can be
)

// trust gives the instant of a time that can be trusted, else noTime.
func (e *evaluation) trust(t time.Time) int64 {
	if t.IsZero() || t.Before(firstTrusted) || t.After(e.latest) {
		return noTime
	}
	return t.UnixNano()
}

// pushed is the registry's own record of the tag or the manifest.
func (e *evaluation) pushed(i int) int64 {
	if e.collapsed {
		return noTime
	}
	return e.recorded(i)
}

func (e *evaluation) recorded(i int) int64 {
	root := &e.roots[i]
	var t int64
	if root.Tag != nil {
		t = e.trust(root.Tag.Pushed)
	}
	if root.Manifest != nil {
		t = max(t, e.trust(root.Manifest.Pushed))
	}
	return t
}

func (e *evaluation) seen(i int) int64 {
	if tag := e.roots[i].Tag; tag != nil {
		return e.trust(tag.Seen)
	}
	return 0
}

// deepest is how far indexes that list indexes are followed.
const deepest = 8

// created is the build time, and whether all that it depends on was read.
func (e *evaluation) created(i int) (int64, bool) {
	root := &e.roots[i]
	if root.Manifest == nil {
		return noTime, false
	}
	return e.createdOf(root.Manifest, 0)
}

func (e *evaluation) createdOf(m *inventory.Manifest, depth int) (int64, bool) {
	whole := m.Read && m.Problem == "" && m.ConfigProblem == "" && depth < deepest
	stamp := m.Created
	var children int64
	if m.Kind == oci.KindIndex {
		for _, child := range m.Children {
			below := e.repo.Manifests[child.Digest]
			switch {
			case child.Attestation() || below != nil && below.Missing:
			case below == nil || depth >= deepest:
				whole = false
			default:
				t, read := e.createdOf(below, depth+1)
				children, whole = max(children, t), whole && read
			}
		}
	}
	if stamp.IsZero() && children != noTime {
		return children, whole
	}
	if stamp.IsZero() {
		stamp = oci.ParseTime(m.Annotations[oci.AnnotationCreated])
	}
	return e.trust(stamp), whole
}

// age is the instant that the age of a root is counted from.
func (e *evaluation) age(i int, from AgeSource) (int64, AgeSource, certainty) {
	var best int64
	origin, sure := FromLatest, e.resolved(i)
	take := func(t int64, s AgeSource) {
		if t != noTime && t > best {
			best, origin = t, s
		}
	}
	if from == FromLatest || from == FromPushed {
		take(e.pushed(i), FromPushed)
	}
	if from == FromLatest || from == FromCreated {
		t, whole := e.created(i)
		// Where the registry tells when it was pushed, nobody asks when it was
		// built: that was before.
		sure = sure && (whole || best != noTime)
		take(t, FromCreated)
	}
	if from == FromLatest || from == FromSeen {
		take(e.seen(i), FromSeen)
	}
	switch {
	case !sure:
		return best, origin, ageUnread
	case best == noTime:
		return noTime, FromLatest, ageNone
	}
	return best, origin, ageKnown
}

// resolved says whether the root is what it seems to be: its tag leads to a
// manifest with which nothing is wrong. Where a registry told enough without,
// the manifest itself need not have been read.
func (e *evaluation) resolved(i int) bool {
	root := &e.roots[i]
	m := root.Manifest
	return root.Digest != "" && (root.Tag == nil || root.Tag.Problem == "") &&
		m != nil && m.Problem == "" && !m.Missing && (m.Read || e.repo.Depth == inventory.Graph)
}

// readable says whether the manifest was read, so that what it does not say is
// absent.
func (e *evaluation) readable(i int) bool {
	return e.resolved(i) && e.roots[i].Manifest.Read
}

// inspected says whether the facts of the image config are known too.
func (e *evaluation) inspected(i int) bool {
	return e.readable(i) && e.roots[i].Manifest.ConfigProblem == ""
}

// collapse finds out whether most push times are those of one event, such as a
// migration or a rebuilt index of the registry, and so say nothing about the
// images (zot#4233).
func (e *evaluation) collapse() bool {
	const fewest, minute = 10, int64(time.Minute)
	if len(e.roots) < fewest {
		return false
	}
	// Only a window that holds 90 % matters, and such a window holds the median.
	times := make([]int64, 0, len(e.roots))
	for i := range e.roots {
		if t := e.recorded(i); t != noTime {
			times = append(times, t)
		}
	}
	need := (len(e.roots)*9 + 9) / 10
	if len(times) < need {
		return false
	}
	middle := selectNth(times, len(times)/2)
	near := times[:0]
	for _, t := range times {
		if t > middle-minute && t < middle+minute {
			near = append(near, t)
		}
	}
	return len(near) >= need && densest(near, minute) >= need
}
