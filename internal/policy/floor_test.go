package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

func TestFloor(t *testing.T) {
	w := newWorld()
	w.image("a", days(50), "a", "a2")
	w.image("b", days(40), "b", "b2")
	w.image("c", days(40), "c")
	w.image("d", days(60), "d")
	judge := func(floor string) map[string]string {
		text := "version: 1\n" + floor + oneRule("{tags: [\"**\"], remove: [{older_than: 30d}]}")[len("version: 1\n"):]
		return verdicts(parse(t, text).Evaluate(w.repo, nil, now))
	}
	expect(t, judge(""), "b=keep/floor b2=keep/floor c=keep/floor a=remove a2=remove d=remove")
	expect(t, judge("floor: 3\n"), "b=keep/floor c=keep/floor a=keep/floor a2=keep/floor d=remove")
	expect(t, judge("floor: 0\n"), "a=remove b=remove c=remove d=remove")
	w.image("e", days(10), "e")
	expect(t, judge(""), "e=keep/not-due b=remove c=remove")
	expect(t, judge("floor: 2\n"), "e=keep/not-due b=keep/floor c=keep/floor a=remove d=remove")
	// Neither what is held nor what nobody could read is certain to stay.
	w.image("x", time.Time{}, "e")
	delete(w.repo.Manifests, sha("e"))
	w.tag("latest", "").Problem = "503"
	w.repo.Tags = slices.DeleteFunc(w.repo.Tags, func(t inventory.Tag) bool { return t.Name == "e" && t.Digest == sha("e") })
	expect(t, judge(""), "e=hold/unknown-age latest=keep/protected b=keep/floor c=keep/floor a=remove")
	w.repo.Tags = slices.DeleteFunc(w.repo.Tags, func(t inventory.Tag) bool { return t.Name == "latest" })
	expect(t, judge(""), "e=hold/unknown-age b=keep/floor a=remove")
	for _, m := range w.repo.Manifests {
		m.Created = time.Time{}
	}
	text := oneRule("{tags: [\"**\"], remove: [{tags: [\"**\"]}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "a=keep/floor b=keep/floor c=keep/floor d=keep/floor e=keep/floor")
}

// A place among the newest that an image of unknown order could take is no
// promise that what has it stays.
func TestAPlaceThatMayBeLostIsNoFloor(t *testing.T) {
	for _, c := range []struct{ rule, due string }{
		{"remove: [{beyond: 1}]", "keep/floor"},
		{"remove: [{beyond: 2}]", "remove"}, // enough for both
		{"remove: [{beyond: 1, by: semver}]", "keep/floor"},
		{"remove: [{older_than: 30d}], keep: [{newest: 1}]", "keep/floor"},
		{"remove: [{older_than: 30d}], keep: [{newest: 2}]", "remove"},
		{"remove: [{older_than: 30d}], keep: [{yearly: 3}]", "keep/floor"},
		{"remove: [{older_than: 30d}], keep: [{semver: {newest: 1}}]", "keep/floor"},
		{"remove: [{older_than: 30d}], keep: [{semver: {newest: 2}}]", "remove"},
		{"remove: [{older_than: 30d}], keep: [{newest: 1}, {tags: [v1.0]}]", "remove"},
		{"remove: [{older_than: 50d}], keep: [{newest: 1}]", "remove"}, // not due in any case
	} {
		w := newWorld()
		w.image("v1", days(40), "v1.0")
		w.image("v2", days(45), "v2.0")
		w.image("due", days(35), "due")
		text := oneRule("{tags: [\"v*\"], " + c.rule + "}\n      - {tags: [due], remove: [{older_than: 30d}]}")
		judge := func() map[string]string { return verdicts(parse(t, text).Evaluate(w.repo, nil, now)) }
		expect(t, judge(), "due=remove")
		w.find("v2.0").Digest, w.find("v2.0").Problem = "", "503"
		t.Log(c.rule)
		expect(t, judge(), "v1.0=keep due="+c.due)
		// The newest is the floor, even where it may have to go.
		w.image("v1", days(34))
		expect(t, judge(), "v1.0=keep due=remove")
	}
}

// A tag whose name has no place in an order never gets one.
func TestAnOrderWithoutAPlaceForATagIsAFloor(t *testing.T) {
	w := newWorld()
	w.image("v1", days(40), "v1.0")
	w.image("nightly", days(50), "nightly")
	w.image("due", days(35), "due")
	text := oneRule("{tags: [\"v*\", nightly], remove: [{beyond: 1, by: semver}]}\n      - {tags: [due], remove: [{older_than: 30d}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "v1.0=keep nightly=hold due=remove")
}

func TestWhatMayBeNoImageTakesNoPlaceOfTheFloor(t *testing.T) {
	w := newWorld()
	w.image("tagged", days(40), "due")
	w.image("untagged", days(35))
	text := oneRule("{tags: [\"**\"], untagged: true, remove: [{older_than: 30d}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "untagged=keep/floor due=remove")
	w.image("strange", days(1)).Kind = oci.KindUnknown // perhaps an index that lists it
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "due=keep/floor")
}

func TestWhatNoRuleClaimsIsAFloor(t *testing.T) {
	w := newWorld()
	w.image("other", days(90), "other")
	w.image("due", days(40), "due")
	text := oneRule("{tags: [due], remove: [{older_than: 30d}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "other=keep/no-rule due=remove")
}

// A digest in use that no tag leads to stays in any case.
func TestWhatIsInUseWithoutATagIsAFloor(t *testing.T) {
	w := newWorld()
	w.image("pinned", days(50)).Named = true
	w.repo.ManifestsListed = true
	w.image("due", days(40), "due")
	text := oneRule("{tags: [\"**\"], untagged: true, remove: [{older_than: 30d}]}")
	expect(t, verdicts(parse(t, text).Evaluate(w.repo, nil, now)), "untagged=keep/in-use due=remove")
}
