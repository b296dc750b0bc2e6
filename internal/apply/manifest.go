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

// before looks at the tags of the step. One that points to the manifest shows
// that too; only without such a tag the manifest is looked at itself.
func (a *attempt) before(ctx context.Context) (sight, error) {
	s, err := a.tagsOfStep(ctx)
	if err != nil || len(s.left) > 0 {
		s.there = true
		return s, err
	}
	found, err := a.head(ctx, string(a.Digest))
	s.there = found.Digest != ""
	return s, err
}

// after looks at the manifest and, once that has gone, at the tags that went
// with it.
func (a *attempt) after(ctx context.Context) (sight, error) {
	found, err := a.head(ctx, string(a.Digest))
	if err != nil || found.Digest != "" {
		return sight{there: true}, err
	}
	return a.tagsOfStep(ctx)
}

func (a *attempt) tagsOfStep(ctx context.Context) (sight, error) {
	s := sight{moved: map[string]oci.Descriptor{}}
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
	a.looked = a.Now()
	if err := a.refresh(ctx); errors.As(err, new(*fatalError)) {
		return "", "", err
	} else if err != nil {
		a.stop(err.Error())
		return journal.Refused, err.Error(), nil
	}
	if a.waits() {
		return postponed, "", nil
	}
	before, err := a.before(ctx)
	switch guardian, guarded := a.guardianOf(a.Digest); {
	case err != nil:
		return a.blind(err)
	case before.gone():
		lingers := a.unclear && a.mayLinger(a.Digest, a.Takes)
		a.vanished(a.Digest, a.Takes)
		if lingers {
			return a.leave(nil)
		}
		return a.absent()
	case len(before.moved) > 0:
		return a.movedAway(ctx, before.moved)
	case guarded:
		return guardian.status, guardian.why, nil
	case a.supports().DigestDelete == registry.SupportNo:
		return journal.Refused, deletesDisabled, nil
	}
	a.turns.have(a.place)
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
	if a.stale() {
		return a.deleteManifest(ctx)
	}
	if status, why := a.mayAct(); status != "" {
		return status, why, nil
	}
	if err := a.intend(ctx, plan.DeleteManifest); err != nil {
		return "", "", err
	}
	return a.insist(ctx, a.afterDelete, func(ctx context.Context) error {
		if !before.there {
			return nil
		}
		return a.mutator.DeleteManifest(ctx, a.name, a.Digest)
	})
}

// afterDelete looks until the manifest has gone, and its tags, or leaves those
// to a listing.
func (a *attempt) afterDelete(ctx context.Context, acted error) (journal.Status, string, error) {
	a.unclear = acted != nil && (a.unclear || len(waits(acted)) > 0)
	if len(a.Takes) == 0 {
		return a.lookAfter(ctx, acted)
	}
	if !a.unclear && a.along.mustLook() {
		defer a.along.looked()
		return a.lookAfter(ctx, acted)
	}
	gone, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
		found, err := a.head(ctx, string(a.Digest))
		return found.Digest == "", err
	})
	if err != nil || !gone {
		return a.remains(ctx, acted, err)
	}
	a.vanished(a.Digest, a.Takes)
	return a.leave(acted)
}

// lookAfter looks until the manifest and its tags are gone. A registry that
// keeps the tags of a deleted manifest is helped with a tag delete of each.
func (a *attempt) lookAfter(ctx context.Context, acted error) (journal.Status, string, error) {
	var after sight
	stayed, tried := false, map[string]bool{}
	_, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
		var err error
		after, err = a.after(ctx)
		stayed = stayed || len(after.left) > 0
		if err != nil || after.there || a.supports().TagDelete == registry.SupportNo {
			return after.gone(), err
		}
		help := slices.DeleteFunc(slices.Clone(after.left), func(tag string) bool { return tried[tag] })
		if len(help) == 0 {
			return after.gone(), nil
		}
		for _, tag := range help {
			tried[tag] = true
			// What comes of it the next look shows.
			_ = a.mutator.Untag(registry.SendWithin(ctx, fresh), mutate.Tag{Repository: a.name, Name: tag, Digest: a.Digest})
		}
		after, err = a.after(ctx)
		return after.gone(), err
	})
	a.followed = slices.DeleteFunc(slices.Clone(a.Takes), func(tag string) bool {
		_, moved := after.moved[tag]
		return moved || tried[tag]
	})
	a.along.saw(len(a.Takes) > 0 && err == nil && after.gone() && !stayed && len(after.moved) == 0, stayed)
	switch {
	case err == nil && after.gone():
		return a.went(ctx, acted, len(tried) > 0)
	case err == nil && !after.there:
		return journal.Failed, fmt.Sprintf("the manifest is gone, but the registry kept its tags %s", strings.Join(after.left, ", ")), nil
	}
	return a.remains(ctx, acted, err)
}

// went is the outcome where the manifest and its tags have gone; helped says
// that the tags did not go by themselves.
func (a *attempt) went(ctx context.Context, acted error, helped bool) (journal.Status, string, error) {
	a.vanished(a.Digest, a.Takes)
	if errors.Is(acted, registry.ErrNotFound) && !helped && !a.resumed {
		return journal.AlreadyGone, "", nil
	}
	return journal.Done, "", a.seen(ctx, digestDelete, registry.SupportYes)
}

// remains is the outcome where the manifest is still there, or where the last
// look failed.
func (a *attempt) remains(ctx context.Context, acted, look error) (journal.Status, string, error) {
	switch {
	case look != nil:
		return a.unsettled(acted, look)
	case errors.Is(acted, registry.ErrUnsupported):
		a.halt = deletesDisabled
		return journal.Refused, acted.Error(), a.seen(ctx, digestDelete, registry.SupportNo)
	}
	return a.unmoved(acted)
}

// movedAway is the outcome where a tag points elsewhere than the plan saw it.
// What it points to now stays, whatever the plan says of that.
func (a *attempt) movedAway(ctx context.Context, moved map[string]oci.Descriptor) (journal.Status, string, error) {
	var text []string
	for _, tag := range slices.Sorted(maps.Keys(moved)) {
		text = append(text, fmt.Sprintf("%q points to %s", tag, moved[tag].Digest.Short()))
		if err := a.guardTag(ctx, tag, moved[tag]); err != nil {
			a.stop(err.Error())
		}
	}
	return journal.Changed, "moved since the plan was made: " + strings.Join(text, ", "), nil
}
