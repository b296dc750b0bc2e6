package reference_test

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/reference"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

const day = 24 * time.Hour

var now = world.DefaultNow

func ago(days int) string { return world.At(now.Add(-time.Duration(days) * day)) }

// Worked examples: tags with the dates of their images, and what the policy
// says of each.
func TestVerdictsByHand(t *testing.T) {
	type tags map[string]string // tag -> created; equal letters before a dot share an image
	for _, test := range []struct {
		name   string
		policy reference.Policy
		tags   tags
		want   map[string]reference.Verdict
	}{
		{"older than 30 days, keep 2", reference.Policy{OlderThan: 30 * day, Newest: 2},
			tags{"a": ago(1), "b": ago(40), "c": ago(50), "d": ago(60)},
			map[string]reference.Verdict{"a": 0, "b": 0, "c": reference.Remove, "d": reference.Remove}},
		{"exactly 30 days is not older", reference.Policy{OlderThan: 30 * day},
			tags{"a": ago(30), "b": world.At(now.Add(-30*day - time.Second)), "c": ago(1)},
			map[string]reference.Verdict{"a": 0, "b": reference.Remove, "c": 0}},
		{"young ones beyond the newest stay", reference.Policy{OlderThan: 30 * day, Newest: 1},
			tags{"a": ago(1), "b": ago(2), "c": ago(31)},
			map[string]reference.Verdict{"a": 0, "b": 0, "c": reference.Remove}},
		{"as many as are kept: nothing goes, whatever is unknown", reference.Policy{OlderThan: 30 * day, Newest: 3},
			tags{"a": "1970-01-01T00:00:00Z", "b": "", "c": ago(99)}, nil},
		// gitlab#377417, gcr-cleaner#138: dates that are missing or equal.
		{"unknown dates take no place and are held", reference.Policy{OlderThan: 30 * day, Newest: 1},
			tags{"a": "1970-01-01T00:00:00Z", "b": "1980-01-01T00:00:01Z", "c": ago(-400), "d": "", "e": ago(31), "f": ago(32)},
			map[string]reference.Verdict{"a": reference.Hold, "b": reference.Hold, "c": reference.Hold, "d": reference.Hold, "e": 0, "f": reference.Remove}},
		{"an unknown order is held even where age does not matter", reference.Policy{Everything: true, Newest: 1},
			tags{"a": "", "b": ago(3), "c": ago(2)},
			map[string]reference.Verdict{"a": reference.Hold, "b": reference.Remove, "c": 0}},
		{"unknown counts as old only if asked", reference.Policy{OlderThan: 30 * day, Newest: 1, OldIfUnknown: true},
			tags{"a": "", "b": ago(31), "c": ago(2)},
			map[string]reference.Verdict{"a": reference.Remove, "b": reference.Remove, "c": 0}},
		{"a tie with the last one that is kept", reference.Policy{OlderThan: 30 * day, Newest: 2},
			tags{"a": ago(40), "b": ago(50), "c": ago(50), "d": ago(51)},
			map[string]reference.Verdict{"a": 0, "b": 0, "c": 0, "d": reference.Remove}},
		{"tags of one image use one place", reference.Policy{OlderThan: 30 * day, Newest: 2},
			tags{"a.1": ago(40), "a.2": ago(40), "b": ago(50), "c": ago(60)},
			map[string]reference.Verdict{"a.1": 0, "a.2": 0, "b": 0, "c": reference.Remove}},
		{"latest stays", reference.Policy{OlderThan: 30 * day},
			tags{"latest": ago(400), "a": ago(41)},
			map[string]reference.Verdict{"latest": 0, "a": reference.Remove}},
		{"latest goes where nothing is protected", reference.Policy{OlderThan: 30 * day, Unprotected: true},
			tags{"latest": ago(400), "a": ago(1)},
			map[string]reference.Verdict{"latest": reference.Remove, "a": 0}},
		// zot#3804: the only image of a repository.
		{"never the last image", reference.Policy{OlderThan: 30 * day},
			tags{"a": ago(41), "b.1": ago(40), "b.2": ago(40)},
			map[string]reference.Verdict{"a": reference.Remove, "b.1": 0, "b.2": 0}},
		{"what is held is no certain image", reference.Policy{OlderThan: 30 * day},
			tags{"a": "", "b": ago(40), "c": ago(50)},
			map[string]reference.Verdict{"a": reference.Hold, "b": 0, "c": reference.Remove}},
		{"the last image goes without a floor", reference.Policy{OlderThan: 30 * day, NoFloor: true},
			tags{"a": ago(41)}, map[string]reference.Verdict{"a": reference.Remove}},
		{"protected, kept and unclaimed tags", reference.Policy{OlderThan: 30 * day, Tags: []string{"v*", "x*"}, Keep: []string{"v1*"}, Protect: []string{"x?"}},
			tags{"v1.1": ago(41), "v2.1": ago(42), "x1": ago(43), "x12": ago(44), "other": ago(45)},
			map[string]reference.Verdict{"v1.1": 0, "v2.1": reference.Remove, "x1": 0, "x12": reference.Remove, "other": 0}},
		{"a clock that is a little ahead is believed", reference.Policy{OlderThan: 30 * day, Newest: 1},
			tags{"a": world.At(now.Add(3 * time.Hour)), "b": ago(31)},
			map[string]reference.Verdict{"a": 0, "b": reference.Remove}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world.New(now)
			r := w.Repository("app")
			images := map[string]*world.Manifest{}
			for tag, created := range test.tags {
				image := tag[:1]
				if len(tag) > 1 && tag[1] != '.' || images[image] == nil {
					images[image] = r.Image(world.Image{Created: created})
				}
				r.Tag(tag, images[image])
			}
			for root, got := range test.policy.Verdicts(w, now) {
				if want := test.want[root.Tag]; got != want {
					t.Errorf("%s: %s, want %s", root.Tag, got, want)
				}
			}
		})
	}
}

// What a grace period left of a removed index is untagged, and no reason to let
// the last tag go.
func TestUntaggedLeftoversAreNoImagesForTheFloor(t *testing.T) {
	w := world.New(now)
	r := w.Repository("app")
	r.Image(world.Image{})
	r.Tag("last", r.Image(world.Image{Created: ago(90)}))
	for root, verdict := range (reference.Policy{OlderThan: 30 * day}).Verdicts(w, now) {
		if verdict != reference.Keep {
			t.Errorf("%s %s: %s", root.Tag, root.Digest, verdict)
		}
	}
}

// The age of an index is that of its latest platform image; attestations and
// missing children say nothing.
func TestTheAgeOfAnIndex(t *testing.T) {
	w := world.New(now)
	r := w.Repository("app")
	image := func(created string) *world.Manifest { return r.Image(world.Image{Created: created}) }
	attestation := r.Image(world.Image{Created: ago(1), Platform: "unknown/unknown"})
	lost := image(ago(1))
	nested := r.Index(world.Index{Children: []*world.Manifest{image(ago(90)), image(ago(35))}})
	r.Tag("young", r.Index(world.Index{Children: []*world.Manifest{image(ago(90)), image(ago(2))}}))
	r.Tag("old", r.Index(world.Index{Children: []*world.Manifest{nested, lost, image(ago(80))}, Attestations: []*world.Manifest{attestation}}))
	r.Tag("unknown", r.Index(world.Index{Children: []*world.Manifest{image(""), image("1970-01-01T00:00:00Z")}}))
	r.Tag("annotated", r.Index(world.Index{Children: []*world.Manifest{image("")}, Annotations: map[string]string{"org.opencontainers.image.created": ago(50)}}))
	r.Lose(lost)
	want := map[string]reference.Verdict{"young": reference.Keep, "old": reference.Remove, "unknown": reference.Hold, "annotated": reference.Remove}
	for root, got := range (reference.Policy{OlderThan: 30 * day}).Verdicts(w, now) {
		if root.Tag != "" && got != want[root.Tag] {
			t.Errorf("%s: %s, want %s", root.Tag, got, want[root.Tag])
		}
	}
}

// Push times make things younger, unless most are of one minute (zot#4233).
func TestPushTimes(t *testing.T) {
	build := func(spread time.Duration) reference.Verdicts {
		w := world.New(now)
		r := w.Repository("app")
		for i, tag := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
			r.Tag(tag, r.Image(world.Image{Created: ago(100 + i)}))
			r.Pushed[tag] = now.Add(-5*day - time.Duration(i)*spread)
		}
		return reference.Policy{OlderThan: 30 * day, Newest: 1, PushTimes: true}.Verdicts(w, now)
	}
	removed := func(verdicts reference.Verdicts) (count int) {
		for _, verdict := range verdicts {
			if verdict == reference.Remove {
				count++
			}
		}
		return count
	}
	if got := removed(build(time.Hour)); got != 0 {
		t.Errorf("%d of those pushed five days ago go, want none", got)
	}
	if got := removed(build(time.Second)); got != 10 {
		t.Errorf("with all push times in one minute %d go, want 10", got)
	}
}
