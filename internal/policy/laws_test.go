package policy

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/usage"
)

func TestLawPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		report := d.policy(t).Evaluate(w.repo, genEvidence(t, w), now)
		roots := w.repo.Roots()
		if len(report.Decisions) != len(roots) {
			t.Fatalf("%d decisions for %d roots", len(report.Decisions), len(roots))
		}
		for i, decision := range report.Decisions {
			if decision.Root != roots[i] {
				t.Errorf("decision %d is about %v, want %v", i, decision.Root, roots[i])
			}
			if len(decision.Reasons) == 0 || decision.Reasons[0].Code == "" {
				t.Errorf("%s has no reason", decision.Root.Name())
			}
			if _, there := decision.Root, decision.Root.Tag == nil && decision.Root.Manifest != nil && decision.Root.Manifest.Subject != ""; there {
				t.Errorf("an attachment was judged: %v", decision.Root.Digest)
			}
		}
	})
}

func TestLawOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		evidence := genEvidence(t, w)
		first := d.policy(t).Evaluate(w.repo, evidence, now)
		if again := d.policy(t).Evaluate(w.clone().repo, evidence, now); !reflect.DeepEqual(reasons(first), reasons(again)) {
			t.Errorf("the same input gave another report:\n%v\n%v", reasons(first), reasons(again))
		}
		shuffled := d.clone()
		slices.Reverse(shuffled.protect)
		for i := range shuffled.rules {
			slices.Reverse(shuffled.rules[i].remove)
			slices.Reverse(shuffled.rules[i].keep)
		}
		if !reflect.DeepEqual(removed(first), removed(shuffled.policy(t).Evaluate(w.repo, evidence, now))) {
			t.Errorf("the order of conditions changed what goes")
		}
	})
}

func reasons(r Report) []any {
	var all []any
	for _, d := range r.Decisions {
		all = append(all, d.Verdict, d.Reasons, d.AgeFrom)
	}
	return all
}

func TestLawMonotoneInKeepAndProtect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		d.head += "floor: 0\n" // the floor gives way once something else stays
		evidence := genEvidence(t, w)
		before := removed(d.policy(t).Evaluate(w.repo, evidence, now))
		more := d.clone()
		if rapid.Bool().Draw(t, "protect more") {
			more.protect = append(more.protect, genItem(t, inProtect, 1, false))
		} else {
			at := rapid.IntRange(0, 1).Draw(t, "rule")
			more.rules[1].keep = append(more.rules[1].keep, stripCaptures(genItem(t, inKeep, 1, false)))
			more.rules[at].keep = append(more.rules[at].keep, stripCaptures(genItem(t, inKeep, 1, false)))
		}
		subset(t, removed(more.policy(t).Evaluate(w.repo, evidence, now)), before, "another reason to keep removed more")
	})
}

func stripCaptures(item string) string {
	for _, group := range []string{", by: {captured: n, as: number}", ", by: {captured: n}", ", per: kind"} {
		item = strings.ReplaceAll(item, group, "")
	}
	return item
}

func TestLawMonotoneInEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		d.head += "floor: 0\n"
		d.protect = append(d.protect, "{in_use: true}")
		p := d.policy(t)
		evidence := &usage.Evidence{Sources: []usage.Source{{Name: "cluster", Complete: true}}}
		before := removed(p.Evaluate(w.repo, evidence, now))
		addUse(t, evidence, w)
		subset(t, removed(p.Evaluate(w.repo, evidence, now)), before, "evidence of use removed more")
	})
}

func TestLawMonotoneInRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		d.head += "floor: 0\n"
		evidence := genEvidence(t, w)
		before := removed(d.policy(t).Evaluate(w.repo, evidence, now))
		more := d.clone()
		more.rules[1].remove = append(more.rules[1].remove, stripCaptures(genItem(t, inRemove, 1, false)))
		subset(t, before, removed(more.policy(t).Evaluate(w.repo, evidence, now)), "another reason to remove removed less")
	})
}

// blank forgets something about a world in a way that scans forget it.
func blank(t *rapid.T, w *world) {
	digests := sortDigests(digestsOf(w.repo))
	m := w.repo.Manifests[rapid.SampledFrom(digests).Draw(t, "blanked")]
	switch rapid.IntRange(0, 5).Draw(t, "blank") {
	case 0: // the manifest could not be read
		*m = inventory.Manifest{Digest: m.Digest, Problem: "503"}
	case 1: // the config could not be read
		m.Labels, m.Platforms, m.ConfigProblem = nil, nil, "missing"
		m.Created = now.Add(-1e18)
	case 2:
		m.Bytes = 0
	case 3: // the tag could not be resolved
		if len(w.repo.Tags) > 0 {
			tag := &w.repo.Tags[rapid.IntRange(0, len(w.repo.Tags)-1).Draw(t, "tag")]
			tag.Digest, tag.Problem = "", "503"
			w.repo.Gaps = append(w.repo.Gaps, inventory.Gap{Code: "manifest"})
		}
	case 4: // pulls are not recorded after all
		w.repo.PullsRecorded = false
	case 5: // nothing is known of the times of a tag and its image
		m.Created, m.ConfigProblem = now.Add(-1e18), "missing"
		for i := range w.repo.Tags {
			if tag := &w.repo.Tags[i]; tag.Digest == m.Digest {
				tag.Pushed, tag.Seen = now.Add(-1e18), now.Add(-1e18)
			}
		}
	}
}

func TestLawSoundUnderIgnorance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		d.head = strings.ReplaceAll(d.head, "unknown_age: old\n", "")
		p := d.policy(t)
		evidence := genEvidence(t, w)
		all := removed(p.Evaluate(w.repo, evidence, now))
		dim := w.clone()
		for range rapid.IntRange(1, 3).Draw(t, "blanks") {
			blank(t, dim)
		}
		// Nine of ten push times in one minute are not trusted, and eight and a gap
		// are: a scan has all push times of a list or is held for the gap.
		if p.begin(w.repo, nil, now).collapsed != p.begin(dim.repo, nil, now).collapsed {
			return
		}
		if rapid.IntRange(0, 3).Draw(t, "no evidence") == 0 {
			evidence = nil
		}
		gone := removed(p.Evaluate(dim.repo, evidence, now))
		subset(t, gone, all, "removed while less was known")
		if t.Failed() {
			t.Logf("%s\n%v\n%v", d.text(), verdicts(p.Evaluate(w.repo, evidence, now)), verdicts(p.Evaluate(dim.repo, evidence, now)))
		}
	})
}

func TestLawNamesAreEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		p := d.policy(t)
		names := w.clone().repo
		names.Depth, names.Manifests = inventory.Names, nil
		for i := range names.Tags {
			names.Tags[i] = inventory.Tag{Name: names.Tags[i].Name}
		}
		if !p.Want(names).Graph {
			if gone := removed(p.Evaluate(w.repo, genEvidence(t, w), now)); len(gone) > 0 {
				t.Errorf("nothing was to be read, and %v go", gone)
			}
		}
	})
}

// Where the first tags of a list show that tags must be looked at, so does the
// whole list: the scanner begins before it has ended.
func TestLawABeginningIsNotAskedInVain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, whole := genDraft(t).policy(t), genWorld(t).clone().repo
		whole.Depth, whole.Manifests = inventory.Names, nil
		for i := range whole.Tags {
			whole.Tags[i] = inventory.Tag{Name: whole.Tags[i].Name}
		}
		beginning := *whole
		beginning.Tags = whole.Tags[:rapid.IntRange(0, len(whole.Tags)).Draw(t, "first")]
		first, all := p.Want(&beginning), p.Want(whole)
		if first.Graph && !all.Graph || first.Graph && first.Untagged != all.Untagged {
			t.Errorf("of %d tags %+v, of all %d %+v", len(beginning.Tags), first, len(whole.Tags), all)
		}
	})
}

func TestLawIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, d := genWorld(t), genDraft(t)
		// What an image's other tags are is a fact that removals change.
		alone := regexp.MustCompile(`image_tags: \{[^}]*\}`)
		byName := regexp.MustCompile(`by: (semver|name|\{[^}]*\})`)
		for _, items := range [][]string{d.protect, d.rules[0].remove, d.rules[0].keep, d.rules[1].remove, d.rules[1].keep} {
			for i := range items {
				items[i] = alone.ReplaceAllString(items[i], "tags: [prod]")
				// An image ranks by its best name, which may go before it does.
				items[i] = byName.ReplaceAllString(items[i], "$0, count: tags")
			}
		}
		for i := range w.repo.Tags {
			w.repo.Tags[i].Pushed = w.repo.Manifests[w.repo.Tags[i].Digest].Pushed
			w.repo.Tags[i].Pulled, w.repo.Tags[i].Seen = w.repo.Tags[i].Pushed, w.repo.Tags[i].Pushed
		}
		for i := range d.rules {
			d.rules[i].keep = slices.DeleteFunc(d.rules[i].keep, func(item string) bool { return strings.Contains(item, "in_use") })
		}
		if len(d.protect) > 0 && strings.Contains(d.protect[0], "in_use") {
			d.protect = []string{"{in_use: true}"}
		}
		p, evidence := d.policy(t), genEvidence(t, w)
		report := p.Evaluate(w.repo, evidence, now)
		gone := removed(report)
		after := w.clone()
		after.repo.Tags = slices.DeleteFunc(after.repo.Tags, func(tag inventory.Tag) bool { return gone[tag.Name+"@"+string(tag.Digest)] })
		pointed := w.reachable(gone)
		for digest := range after.repo.Manifests {
			if !pointed[digest] {
				delete(after.repo.Manifests, digest)
			}
		}
		more := removed(p.Evaluate(after.repo, evidence, now))
		for _, decision := range report.Decisions {
			if decision.Reasons[0].Code == CodeFloor { // gives way once something else is certain to stay
				delete(more, decision.Root.Name()+"@"+string(decision.Root.Digest))
			}
		}
		if len(more) > 0 {
			t.Errorf("after %v, also %v", gone, more)
		}
	})
}
