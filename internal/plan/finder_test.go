package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/inventory"
)

func TestFinderFindsTheFirstOfAName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[abc]{1,2}`)
		names := rapid.SliceOfN(name, 0, 8).Draw(t, "names")
		slices.Sort(names)
		var f finder
		for _, name := range names {
			f.tags = append(f.tags, inventory.Tag{Name: name})
		}
		for _, name := range append(rapid.SliceOf(name).Draw(t, "asked"), names...) {
			want := slices.Index(names, name)
			if place, found := f.find(name); found != (want >= 0) || found && place != want {
				t.Fatalf("%q of %q: %d %v, want %d", name, names, place, found, want)
			}
		}
	})
}
