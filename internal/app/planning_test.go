package app

import (
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/store"
)

// What was remembered and is not listed any more is neither read ahead nor at hand.
func TestOnlyListedTagsAreRecalled(t *testing.T) {
	pointers := []store.Pointer{{Tag: "a", Digest: "1"}, {Tag: "b", Digest: "2"}, {Tag: "d", Digest: "4"}}
	tags := []inventory.Tag{{Name: "b"}, {Name: "c"}, {Name: "d"}}
	listed, here := stillListed(pointers, tags)
	if len(listed) != 2 || listed[0].Tag != "b" || listed[1].Digest != "4" || !slices.Equal(here, []bool{true, false, true}) {
		t.Errorf("%v, %v", listed, here)
	}
}
