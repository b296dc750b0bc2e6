package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// sight is what a look at a manifest and the tags that go with it showed.
type sight struct {
	there bool     // by digest
	left  []string // tags of the step that point to the digest
	// moved are tags of the step that point elsewhere.
	moved map[string]oci.Descriptor
}

func (s sight) gone() bool { return !s.there && len(s.left) == 0 }

func (a *attempt) sight(ctx context.Context) (sight, error) {
	s := sight{moved: map[string]oci.Descriptor{}}
	found, err := a.head(ctx, string(a.Digest))
	if err != nil {
		return s, err
	}
	s.there = found.Digest != ""
	for _, tag := range a.Takes {
		at, err := a.head(ctx, tag)
		switch {
		case err != nil:
			return s, err
		case at.Digest == a.Digest:
			s.left = append(s.left, tag)
		case at.Digest != "":
			s.moved[tag] = at
		}
	}
	return s, nil
}

// deleteManifest deletes by digest, which takes every tag on it along: so
// every tag must be one that the plan takes.
func (a *attempt) deleteManifest(ctx context.Context) (journal.Status, string, error) {
	before, err := a.sight(ctx)
	switch guardian, guarded := a.guarded[a.Digest]; {
	case err != nil:
		return a.blind(err)
	case before.gone():
		a.forget()
		return a.absent()
	case len(before.moved) > 0:
		return a.movedAway(ctx, before.moved)
	case guarded:
		return guardian.status, guardian.why, nil
	case a.can.DigestDelete == registry.SupportNo:
		return journal.Refused, deletesDisabled, nil
	}
	via := ""
	if len(before.left) > 0 {
		via = before.left[0]
	}
	raw, status, why, err := a.keep(ctx, via)
	if status != "" || err != nil {
		return status, why, err
	}
	if status, why, err := a.follows(ctx, raw); status != "" || err != nil {
		return status, why, err
	}
	if err := a.intend(ctx, plan.DeleteManifest); err != nil {
		return "", "", err
	}
	return a.insist(ctx, a.afterDelete, func() error {
		if !before.there {
			return nil
		}
		return a.mutator.DeleteManifest(ctx, a.name, a.Digest)
	})
}

// afterDelete looks until the manifest and its tags are gone. A registry that
// keeps the tags of a deleted manifest is helped with a tag delete of each.
func (a *attempt) afterDelete(ctx context.Context, acted error) (journal.Status, string, error) {
	var after sight
	tried := map[string]bool{}
	_, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
		var err error
		if after, err = a.sight(ctx); err != nil || after.there || a.can.TagDelete == registry.SupportNo {
			return after.gone(), err
		}
		for _, tag := range slices.DeleteFunc(after.left, func(tag string) bool { return tried[tag] }) {
			tried[tag] = true
			// What comes of it the next look shows.
			_ = a.mutator.Untag(ctx, mutate.Tag{Repository: a.name, Name: tag, Digest: a.Digest})
		}
		after, err = a.sight(ctx)
		return after.gone(), err
	})
	switch {
	case err != nil:
		return a.unsettled(acted, err)
	case after.gone() && errors.Is(acted, registry.ErrNotFound):
		a.forget()
		return journal.AlreadyGone, "", nil
	case after.gone():
		a.forget()
		return journal.Done, "", a.seen(ctx, &a.can.DigestDelete, registry.SupportYes)
	case !after.there:
		return journal.Failed, fmt.Sprintf("the manifest is gone, but the registry kept its tags %s", strings.Join(after.left, ", ")), nil
	case errors.Is(acted, registry.ErrUnsupported):
		a.stopped = deletesDisabled
		return journal.Refused, acted.Error(), a.seen(ctx, &a.can.DigestDelete, registry.SupportNo)
	}
	return a.unmoved(acted)
}

// movedAway is the outcome where a tag points elsewhere than the plan saw it.
// What it points to now stays, whatever the plan says of that.
func (a *attempt) movedAway(ctx context.Context, moved map[string]oci.Descriptor) (journal.Status, string, error) {
	var text []string
	for _, tag := range slices.Sorted(maps.Keys(moved)) {
		text = append(text, fmt.Sprintf("%q points to %s", tag, moved[tag].Digest.Short()))
		if err := a.guardTag(ctx, tag, moved[tag]); err != nil && a.stopped == "" {
			a.stopped = err.Error()
		}
	}
	return journal.Changed, "moved since the plan was made: " + strings.Join(text, ", "), nil
}

// seen remembers what a registry was just seen to do, or not to do.
func (r *repository) seen(ctx context.Context, capability *registry.Support, support registry.Support) error {
	if *capability == support {
		return nil
	}
	*capability = support
	return r.remember(ctx)
}

// forget drops what has gone from the picture of the repository.
func (a *attempt) forget() {
	a.gone[a.Digest] = true
	for _, tag := range a.Takes {
		if a.tags[tag].Digest == a.Digest {
			delete(a.tags, tag)
		}
	}
}
