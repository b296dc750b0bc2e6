package plan

import (
	"cmp"
	"sort"

	"github.com/regkeep/regkeep/internal/inventory"
)

// finder finds tags by their names. Who asks in the order of names is answered
// without a search.
type finder struct {
	tags []inventory.Tag // by name
	next int
}

// find is the place of a tag, the first of those that have the name.
func (f *finder) find(name string) (place int, found bool) {
	place = f.next
	if place >= len(f.tags) || f.tags[place].Name != name || place > 0 && f.tags[place-1].Name == name {
		place, found = sort.Find(len(f.tags), func(i int) int { return cmp.Compare(name, f.tags[i].Name) })
		if !found {
			return 0, false
		}
	}
	f.next = place + 1
	return place, true
}
