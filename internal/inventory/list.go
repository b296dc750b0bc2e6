package inventory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// page is how many tags most registries list at once.
const page = 1000

// list reads the complete tag list. missing says that there is no such
// repository. heard is called on the worker with each thousand tags as they come;
// nil: nobody is.
func (s *Scanner) list(ctx context.Context, jobs chan<- func(), repository string, heard func(tags []registry.Tag)) (tags []registry.Tag, missing bool, err error) {
	waited := do(ctx, jobs, func() {
		var pages [][]registry.Tag // so that nothing is copied while the list grows
		var last []registry.Tag
		for tag, failure := range s.reader.Tags(ctx, repository) {
			if failure != nil {
				err = failure
				break
			}
			if last = append(last, tag); len(last) < page {
				continue
			}
			if heard != nil {
				heard(last)
			}
			pages, last = append(pages, last), make([]registry.Tag, 0, page)
		}
		tags = slices.Concat(append(pages, last)...)
	})
	if waited == nil {
		waited = ctx.Err()
	}
	if waited != nil {
		return nil, false, waited
	}
	if errors.Is(err, registry.ErrNotFound) && len(tags) == 0 {
		return nil, true, nil
	}
	return merge(tags), false, err
}

// merge sorts tags by name and makes one of those that were listed twice. Two
// that disagree about the digest leave it open, or keep the tag where only the
// listing could have told.
func merge(tags []registry.Tag) []registry.Tag {
	slices.SortStableFunc(tags, func(a, b registry.Tag) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Handle, b.Handle))
	})
	kept := tags[:0]
	for _, tag := range tags {
		if len(kept) == 0 || kept[len(kept)-1].Name != tag.Name {
			kept = append(kept, tag)
			continue
		}
		last := &kept[len(kept)-1]
		if last.Digest != tag.Digest {
			last.Digest, last.MediaType, last.Created, last.Size = "", "", time.Time{}, 0
			if last.Handle != "" || tag.Handle != "" {
				last.Problem = "listed twice with different digests"
			}
		}
		last.Pushed, last.Pulled = latest(last.Pushed, tag.Pushed), latest(last.Pulled, tag.Pulled)
		last.Problem = cmp.Or(last.Problem, tag.Problem)
	}
	return slices.Clip(kept)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func newTags(listed []registry.Tag) []Tag {
	tags := make([]Tag, len(listed))
	for i := range listed {
		tags[i] = newTag(listed[i])
	}
	return tags
}

func newTag(t registry.Tag) Tag {
	return Tag{Name: t.Name, Digest: t.Digest, Pushed: t.Pushed, Pulled: t.Pulled, Handle: t.Handle, Problem: t.Problem}
}

// placeholders adds manifests as far as the listing told about them.
func (r *Repository) placeholders(tags []registry.Tag) {
	for _, tag := range tags {
		if tag.Digest == "" {
			continue
		}
		m := r.Manifests[tag.Digest]
		if m == nil {
			m = &Manifest{Digest: tag.Digest}
			r.Manifests[tag.Digest] = m
		}
		if m.MediaType == "" && tag.MediaType != "" {
			m.MediaType, m.Kind = tag.MediaType, oci.KindOf(tag.MediaType)
		}
		m.Pulled, m.Created = latest(m.Pulled, tag.Pulled), latest(m.Created, tag.Created)
		m.Bytes = max(m.Bytes, tag.Size)
	}
}
