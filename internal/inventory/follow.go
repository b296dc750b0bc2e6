package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// follow asks about tags while they are listed, until the list is whole. What is
// on its way then is left to place and run.
func (r *reading) follow(ctx context.Context, parts <-chan part) *whole {
	r.listing = true
	list, _ := r.ask(ctx, parts)
	return list
}

// begin looks at tags of a list that is on its way.
func (r *reading) begin(p part) {
	for i := range p.tags {
		r.resolve(len(r.repo.Tags) + i)
	}
	r.repo.Tags, r.recalled = append(r.repo.Tags, p.tags...), append(r.recalled, p.atHand...)
}

// place puts the tags where they belong when the list is whole, with what became
// of those that were begun with. Where these are not the first in the order of
// names, it waits for their answers, which know them by their old places.
func (r *reading) place(ctx context.Context, list *whole) error {
	if list.told < len(r.repo.Tags) {
		if err := r.run(ctx); err != nil {
			return err
		}
	}
	before, vanished := r.repo.Tags, r.vanished
	r.repo.Tags, r.vanished, r.begun = list.tags, nil, make([]bool, len(list.tags))
	places := make([]int, len(before))
	for i, tag := range before {
		at, _ := slices.BinarySearchFunc(list.tags, tag.Name, func(t Tag, name string) int { return strings.Compare(t.Name, name) })
		list.tags[at].Digest, list.tags[at].Problem = tag.Digest, cmp.Or(list.tags[at].Problem, tag.Problem)
		places[i], r.begun[at] = at, true
	}
	for _, i := range vanished {
		r.vanished = append(r.vanished, places[i])
	}
	r.recalled = append(r.recalled[:list.told], list.atHand...)
	r.repo.placeholders(list.listed)
	r.listing = false
	return nil
}
