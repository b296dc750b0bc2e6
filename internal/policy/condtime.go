package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/policy/duration"
)

// Names of facts that can be missing.
const (
	factAge       = "age"
	factPull      = "pull time"
	factImage     = "digest"
	factManifest  = "manifest"
	factConfig    = "config"
	factSize      = "size"
	factUse       = "use"
	factOrder     = "order"
	factField     = "field"
	factExpiry    = "expiry"
	factUntrusted = "no trusted time"
	factShared    = "shared label" // platform images of an index have it otherwise, or not at all
)

func instant(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339) }

// ageTest is older_than and within. Exactly as old is within.
type ageTest struct {
	within bool
	limit  cutoff
}

func (t *ageTest) truth(e *evaluation, i int) Truth {
	cut := e.cutoffs[t.limit.index]
	at, sure := e.at[i], e.sure[i]
	if sure == ageNone && e.rule(i) != nil && e.rule(i).unknownOld {
		at, sure = oldest, ageKnown
	}
	older := Unknown
	switch {
	case at != noTime && at >= cut:
		older = False // also where it can only be younger still
	case sure == ageKnown:
		older = True
	}
	if t.within {
		return True - older
	}
	return older
}

func (t *ageTest) missing(e *evaluation, i int) string {
	if e.sure[i] == ageUnread {
		return unread(e, i)
	}
	return factAge
}

// unread names what was not read of a root.
func unread(e *evaluation, i int) string {
	switch {
	case e.roots[i].Digest == "":
		return factImage
	case e.readable(i) && !e.inspected(i):
		return factConfig
	}
	return factManifest
}

func (t *ageTest) facts(e *evaluation, i int) map[string]any {
	return map[string]any{"limit": t.limit.length.String(), "cutoff": e.cutTexts[t.limit.index]}
}

func (t *ageTest) explain(e *evaluation, i int) account {
	return account{fact: e.describeAge(i) + ", the limit is " + e.cutTexts[t.limit.index], rests: e.agedFrom(i)}
}

// describeAge says what the age of a root rests on.
func (e *evaluation) describeAge(i int) string {
	return e.describeTime(i, e.at[i], e.from[i], e.sure[i])
}

func (e *evaluation) describeTime(i int, at int64, from AgeSource, sure certainty) string {
	switch sure {
	case ageKnown:
		return fmt.Sprintf("%s %s", from, instant(at))
	case ageNone:
		return factUntrusted
	}
	if at == noTime {
		return "the " + unread(e, i) + " could not be read"
	}
	return fmt.Sprintf("%s %s, perhaps later: not everything could be read", from, instant(at))
}

func (t *ageTest) code() Code {
	if t.within {
		return CodeWithin
	}
	return CodeOlderThan
}

func (t *ageTest) needs() need { return needAge }

func (t *ageTest) String() string {
	if t.within {
		return "within: " + t.limit.length.String()
	}
	return "older_than: " + t.limit.length.String()
}

// pullTest is not_pulled_for and pulled_within.
type pullTest struct {
	within bool
	limit  cutoff
}

func (t *pullTest) truth(e *evaluation, i int) Truth {
	last, known := e.used(i)
	used := Unknown
	switch {
	case last != noTime && last >= e.cutoffs[t.limit.index]:
		used = True
	case known:
		used = False
	}
	if t.within {
		return used
	}
	return True - used
}

// used is when a root was last pulled or pushed, and whether that is all there
// is to know. Seen by an earlier scan or not, it was pushed before it was seen.
func (e *evaluation) used(i int) (int64, bool) {
	pushed := max(e.pushed(i), e.seen(i))
	pulled := e.pulled(i)
	known := e.steady(i) && pushed != noTime && (pulled != noTime || e.pulls)
	return max(pushed, pulled), known
}

func (e *evaluation) pulled(i int) int64 {
	root := &e.roots[i]
	var t int64
	if root.Tag != nil {
		t = e.trust(root.Tag.Pulled)
	}
	if root.Manifest != nil {
		t = max(t, e.trust(root.Manifest.Pulled))
	}
	return t
}

// pullsTell says whether a missing pull time means that there was no pull: the
// registry records pulls and has recorded one here.
func (e *evaluation) pullsTell() bool {
	if !e.repo.PullsRecorded {
		return false
	}
	for i := range e.repo.Tags {
		if e.trust(e.repo.Tags[i].Pulled) != noTime {
			return true
		}
	}
	for _, m := range e.repo.Manifests {
		if e.trust(m.Pulled) != noTime {
			return true
		}
	}
	return false
}

func (t *pullTest) missing(e *evaluation, i int) string {
	switch {
	case !e.steady(i):
		return unread(e, i)
	case e.pushed(i) == noTime && e.seen(i) == noTime:
		return factAge
	}
	return factPull
}

func (t *pullTest) facts(e *evaluation, i int) map[string]any {
	return map[string]any{"limit": t.limit.length.String(), "cutoff": e.cutTexts[t.limit.index]}
}

func (t *pullTest) explain(e *evaluation, i int) account {
	var parts []string
	for _, part := range []struct {
		what string
		at   int64
	}{{"pulled", e.pulled(i)}, {"pushed", e.pushed(i)}, {"seen", e.seen(i)}} {
		if part.at != noTime {
			parts = append(parts, part.what+" "+instant(part.at))
		} else if part.what == "pulled" {
			parts = append(parts, cond(e.pulls, "never pulled", "no pull is recorded"))
		}
	}
	return account{fact: strings.Join(parts, ", ") + ", the limit is " + e.cutTexts[t.limit.index], rests: restsPulled | restsPushed | restsSeen}
}

func (t *pullTest) code() Code {
	if t.within {
		return CodePulledWithin
	}
	return CodeNotPulledFor
}

func (t *pullTest) needs() need { return 0 }

func (t *pullTest) String() string {
	if t.within {
		return "pulled_within: " + t.limit.length.String()
	}
	return "not_pulled_for: " + t.limit.length.String()
}

// expiryKeys say in labels or annotations when an image expires.
var expiryKeys = []string{"quay.expires-after", "org.opencontainers.image.expires"}

// expiredTest is expired: true.
type expiredTest struct{}

// expiry finds when the image expires: the latest that any of its labels and
// annotations says. No text means that it never does.
func (e *evaluation) expiry(i int) (at time.Time, text string, known bool) {
	if !e.inspected(i) {
		return time.Time{}, "", false
	}
	m := e.roots[i].Manifest
	known = true
	keys := expiryKeys
	if e.set.expiryLabel != "" {
		keys = append(keys[:len(keys):len(keys)], e.set.expiryLabel)
	}
	for _, key := range keys {
		known = known && !slices.Contains(m.Disputed, key)
		for _, values := range []map[string]string{m.Labels, m.Annotations} {
			value, there := values[key]
			if !there {
				continue
			}
			t, ok := e.expiresAt(i, value)
			known = known && ok
			if text == "" || t.After(at) {
				at, text = t, key+"="+value
			}
		}
	}
	return at, text, known
}

func (e *evaluation) expiresAt(i int, value string) (time.Time, bool) {
	if d, err := duration.Parse(value); err == nil {
		base, _, sure := e.age(i, FromLatest)
		if sure != ageKnown {
			return time.Time{}, false
		}
		return d.After(time.Unix(0, base)), true
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.Before(firstTrusted) {
		return time.Time{}, false
	}
	return t, true
}

func (expiredTest) truth(e *evaluation, i int) Truth {
	at, text, known := e.expiry(i)
	switch {
	case !known:
		return Unknown
	case text == "" || !at.Before(e.now):
		return False
	}
	return True
}

func (expiredTest) missing(e *evaluation, i int) string {
	if !e.inspected(i) {
		return unread(e, i)
	}
	return factExpiry
}

func (expiredTest) facts(e *evaluation, i int) map[string]any {
	at, text, _ := e.expiry(i)
	return map[string]any{"expired": at.UTC().Format(time.RFC3339), "by": text}
}

func (expiredTest) explain(e *evaluation, i int) account {
	at, text, known := e.expiry(i)
	a := account{fact: text + " means " + at.UTC().Format(time.RFC3339), rests: restsLabels | restsAnnotations}
	switch {
	case text == "" && known:
		a.fact = "nothing says that it expires"
	case !known:
		a.fact = "when it expires cannot be told " + cond(text == "", "", "from "+text)
	}
	return a
}

func (expiredTest) individual()    {}
func (expiredTest) code() Code     { return CodeExpired }
func (expiredTest) needs() need    { return needConfig }
func (expiredTest) String() string { return "expired: true" }
