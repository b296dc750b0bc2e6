package inventory

import (
	"errors"
	"slices"

	"github.com/regkeep/regkeep/internal/registry"
)

// readUsed reads the manifests of which something is known to use the digest,
// where neither tag nor index led to them: what they consist of must stay too.
// One that is not there is Missing, one that cannot be read is a gap.
func (r *reading) readUsed() {
	known := r.repo.children()
	for i := range r.repo.Tags {
		known[r.repo.Tags[i].Digest] = true
	}
	for _, digest := range r.wish.Digests {
		if !known[digest] {
			r.needs(digest, r.s.opts.Recall != nil)
		}
	}
	for i, tag := range r.wish.Tags {
		if !slices.ContainsFunc(r.repo.Tags, func(t Tag) bool { return t.Name == tag }) {
			r.now = append(r.now, ask{op: askUnlisted, tag: i})
		}
	}
}

// takeUnlisted finds that the list of tags cannot be believed, or that the tag
// is gone although it is used.
func (r *reading) takeUnlisted(a answer) {
	switch {
	case errors.Is(a.err, registry.ErrNotFound):
	case a.err != nil:
		r.fail("manifest", a.err)
	default:
		r.gap("tags", "tag %s is in use and there, but the list of tags has not got it", r.wish.Tags[a.tag])
	}
}

// markUsed tells them from what led here by itself.
func (r *reading) markUsed() {
	for _, digest := range r.wish.Digests {
		if m := r.repo.Manifests[digest]; m != nil {
			m.Named = true
		}
	}
}
