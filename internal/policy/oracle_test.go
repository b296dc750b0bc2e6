package policy

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// The oracle judges a repository a second time, as the page of semantics says
// and as plainly as it can be said, and shares nothing with the package but the
// text of the policy: conditions are drawn with their meaning beside it (see
// oraclecond_test.go).

// three is the oracle's truth.
type three int

const (
	no three = iota
	maybe
	yes
)

func three3(known, value bool) three {
	switch {
	case !known:
		return maybe
	case value:
		return yes
	}
	return no
}

// oracleRoot is a root with its facts, the zero time for what is not trusted.
type oracleRoot struct {
	tag                           string // "" for none
	m                             *inventory.Manifest
	pushed, created, seen, pulled time.Time
	rule                          int
}

type oracle struct {
	w         *world
	zone      *time.Location
	old       bool // unknown_age: old
	ttl       string
	roots     []*oracleRoot
	pullsTell bool
	uses      oracleUses
	rules     []oracleRule
	protect   []oracleItem
}

type oracleRule struct {
	claims       func(tag string) bool // of tags
	untagged     bool
	captures     func(tag string) map[string]string
	remove, keep []oracleItem
	ageFrom      string
}

// oracleItem is a listed condition: its text, and what it means.
type oracleItem struct {
	text  string
	means func(o *oracle, r *oracleRoot) three
}

// trusted times are between the first Docker and a day from now.
func trusted(t time.Time) time.Time {
	if t.Before(time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)) || t.After(now.Add(24*time.Hour)) {
		return time.Time{}
	}
	return t
}

func newest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// look finds the roots of the world and their facts.
func (o *oracle) look() {
	belongs := map[oci.Digest]bool{}
	for _, m := range o.w.repo.Manifests {
		for _, child := range m.Children {
			belongs[child.Digest] = true
		}
	}
	for i := range o.w.repo.Tags {
		tag := &o.w.repo.Tags[i]
		m := o.w.repo.Manifests[tag.Digest]
		belongs[tag.Digest] = true
		o.pullsTell = o.pullsTell || !trusted(tag.Pulled).IsZero()
		if m.Subject == "" {
			o.roots = append(o.roots, &oracleRoot{
				tag: tag.Name, m: m, pushed: newest(trusted(tag.Pushed), trusted(m.Pushed)), created: o.builtAt(m),
				seen: trusted(tag.Seen), pulled: newest(trusted(tag.Pulled), trusted(m.Pulled)), rule: -1,
			})
		}
	}
	for digest, m := range o.w.repo.Manifests {
		if !belongs[digest] && m.Subject == "" {
			o.roots = append(o.roots, &oracleRoot{m: m, pushed: trusted(m.Pushed), created: o.builtAt(m), pulled: trusted(m.Pulled), rule: -1})
		}
	}
	o.pullsTell = o.pullsTell && o.w.repo.PullsRecorded
	o.collapse()
	for _, r := range o.roots {
		for k, rule := range o.rules {
			if r.tag == "" && rule.untagged || r.tag != "" && rule.claims(r.tag) {
				r.rule = k
				break
			}
		}
	}
}

// builtAt is the build time of an image, or of the newest below an index; the
// annotation counts where there is none at all.
func (o *oracle) builtAt(m *inventory.Manifest) time.Time {
	at := m.Created
	for _, child := range m.Children {
		at = newest(at, o.builtAt(o.w.repo.Manifests[child.Digest]))
	}
	if text := m.Annotations["org.opencontainers.image.created"]; at.IsZero() && text != "" {
		at, _ = time.Parse(time.RFC3339, text)
	}
	return trusted(at)
}

// collapse: nine of ten of at least ten roots pushed inside one minute.
func (o *oracle) collapse() {
	for _, first := range o.roots {
		inside := 0
		for _, r := range o.roots {
			if !r.pushed.IsZero() && !first.pushed.IsZero() && !r.pushed.Before(first.pushed) && r.pushed.Sub(first.pushed) < time.Minute {
				inside++
			}
		}
		if len(o.roots) >= 10 && 10*inside >= 9*len(o.roots) {
			for _, r := range o.roots {
				r.pushed = time.Time{}
			}
			return
		}
	}
}

// age is the instant from which the age of a root counts; false: not known.
func (o *oracle) age(r *oracleRoot) (time.Time, bool) {
	from := ""
	if r.rule >= 0 {
		from = o.rules[r.rule].ageFrom
	}
	return o.ageFrom(r, from)
}

func (o *oracle) ageFrom(r *oracleRoot, from string) (time.Time, bool) {
	at := map[string]time.Time{"": newest(r.pushed, r.created, r.seen), "pushed": r.pushed, "created": r.created, "seen": r.seen}[from]
	return at, !at.IsZero()
}

// verdict follows the order of the page.
func (o *oracle) verdict(r *oracleRoot) string {
	any := func(items []oracleItem) three {
		value := no
		for _, it := range items {
			value = max(value, it.means(o, r))
		}
		return value
	}
	if r.rule < 0 {
		return "keep"
	}
	rule := o.rules[r.rule]
	protect, keep, remove := any(o.protect), any(rule.keep), any(rule.remove)
	switch {
	case protect == yes, r.tag == "latest", keep == yes, remove == no:
		return "keep"
	case max(protect, keep) == maybe, remove == maybe:
		return "hold"
	}
	return "remove"
}

// plain takes manifests of unknown types out of a world: what they are, nobody
// can say, and other tests are about that.
func plain(w *world) {
	for digest, m := range w.repo.Manifests {
		if m.Kind == oci.KindUnknown {
			delete(w.repo.Manifests, digest)
			w.repo.Tags = slices.DeleteFunc(w.repo.Tags, func(tag inventory.Tag) bool { return tag.Digest == digest })
		}
	}
}

// TestOracle: random policies over the whole language, against the oracle.
func TestOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := genWorld(t)
		plain(w)
		evidence := genEvidence(t, w)
		for range 5 {
			o, text := genOracle(t, w, evidence)
			o.check(t, text, evidence)
		}
	})
}

func TestTheOracleIsAskedAboutEveryCondition(t *testing.T) {
	reaches(t, func(t *rapid.T) string {
		w := genWorld(t)
		plain(w)
		_, text := genOracle(t, w, genEvidence(t, w))
		return text
	}, slices.Concat(conditionKeys, nestingKeys, modifierKeys, semverKeys, imageTagsKeys))
}

// check holds the verdicts of the package against those of the oracle.
func (o *oracle) check(t *rapid.T, text string, evidence *usage.Evidence) {
	o.look()
	o.uses = usesOf(evidence)
	p, err := Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := map[string]string{}
	for _, d := range p.Evaluate(o.w.repo, evidence, now).Decisions {
		got[cmp.Or(d.Root.Name(), string(d.Root.Digest))] = d.Verdict.String()
	}
	if len(got) != len(o.roots) {
		t.Fatalf("%d roots, want %d", len(got), len(o.roots))
	}
	for _, r := range o.roots {
		name := cmp.Or(r.tag, string(r.m.Digest))
		if want := o.verdict(r); got[name] != want {
			t.Errorf("%s: %s, want %s\n%s", name, got[name], want, text)
		}
	}
}
