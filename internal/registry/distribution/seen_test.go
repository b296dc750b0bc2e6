package distribution

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the order of a listing, each name is new once.
func TestEachNameIsNewOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching("[a-c]{1,2}")).Draw(t, "names")
		if rapid.Bool().Draw(t, "sorted at first") {
			slices.Sort(names[:len(names)/2])
		}
		var s seen
		known := map[string]bool{}
		for i, name := range names {
			if got := s.add(name); got == known[name] {
				t.Fatalf("name %d of %q is new: %v", i, names, got)
			}
			known[name] = true
		}
	})
}
