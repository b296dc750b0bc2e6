package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// removeTag takes one tag away and leaves the manifest: natively where the
// registry can, as a component where the plan says so, with a placeholder only
// where the plan says so and nothing better works.
func (a *attempt) removeTag(ctx context.Context) (journal.Status, string, error) {
	a.looked = a.Now()
	before, err := a.head(ctx, a.Tag)
	halfway := a.Action == plan.OverwriteTag && before.Digest != "" && before.Digest == a.placeholder(a.Step).Digest
	switch {
	case err != nil:
		return a.blind(err)
	case before.Digest == "":
		a.untagged(a.Tag)
		return a.absent()
	case before.Digest != a.Digest && !halfway:
		return a.movedAway(ctx, map[string]oci.Descriptor{a.Tag: before})
	}
	a.turns.have(a.place)
	var raw *oci.RawManifest
	if !halfway {
		var status journal.Status
		var why string
		if raw, status, why, err = a.keep(ctx, a.Tag); status != "" || err != nil {
			return status, why, err
		}
		if status, why, err := a.follows(ctx, raw); status != "" || err != nil {
			return status, why, err
		}
	}
	if a.stale() {
		return a.removeTag(ctx)
	}
	if a.Action != plan.DeleteComponent && (halfway || a.supports().TagDelete == registry.SupportNo) {
		return a.withoutTagDelete(ctx, raw)
	}
	action := plan.Untag
	if a.Action == plan.DeleteComponent {
		action = plan.DeleteComponent
	}
	if status, why := a.mayAct(); status != "" {
		return status, why, nil
	}
	if err := a.intend(ctx, action); err != nil {
		return "", "", err
	}
	unsupported := false
	status, why, err := a.insist(ctx, func(ctx context.Context, acted error) (journal.Status, string, error) {
		unsupported = errors.Is(acted, registry.ErrUnsupported)
		return a.afterUntag(ctx, acted, raw)
	}, func(ctx context.Context) error {
		return a.mutator.Untag(ctx, mutate.Tag{Repository: a.name, Name: a.Tag, Digest: a.Digest, Handle: a.Handle})
	})
	if status == journal.Failed && unsupported && err == nil && a.Action != plan.DeleteComponent {
		a.halt = ""
		if err := a.seen(ctx, tagDelete, registry.SupportNo); err != nil {
			return "", "", err
		}
		return a.withoutTagDelete(ctx, raw)
	}
	return status, why, err
}

// afterUntag looks until the tag is gone, and whether what it pointed to, and
// the other tags on it, stayed.
func (a *attempt) afterUntag(ctx context.Context, acted error, raw *oci.RawManifest) (journal.Status, string, error) {
	var at oci.Descriptor
	_, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
		var err error
		at, err = a.head(ctx, a.Tag)
		return at.Digest != a.Digest, err
	})
	switch {
	case err != nil:
		return a.unsettled(acted, err)
	case at.Digest == a.Digest:
		return a.unmoved(acted)
	case at.Digest != "":
		return a.movedAway(ctx, map[string]oci.Descriptor{a.Tag: at})
	}
	a.untagged(a.Tag)
	status := journal.Done
	if errors.Is(acted, registry.ErrNotFound) {
		status = journal.AlreadyGone
	}
	if a.Action == plan.DeleteComponent {
		return status, "", nil
	}
	if why, err := a.spared(ctx, raw); why != "" || err != nil {
		return journal.Failed, why, err
	}
	return status, "", a.seen(ctx, tagDelete, registry.SupportYes)
}

// spared checks that the manifest outlived its tag. A registry that took it
// along gets it back at once, from the archive, with every tag it had that
// was not to go, and is not asked for another untag.
func (a *attempt) spared(ctx context.Context, raw *oci.RawManifest) (string, error) {
	still, err := a.head(ctx, string(a.Digest))
	if err != nil {
		return "", nil // what a failed look missed, the verification finds
	}
	if still.Digest != "" {
		a.sparedOne()
		return "", nil
	}
	a.stop(fmt.Sprintf("stopped after step %d: the registry deletes manifests along with tags", a.Seq))
	if raw == nil {
		return fmt.Sprintf("the registry deleted manifest %s along with the tag", a.Digest), nil
	}
	if err := a.intend(ctx, plan.PutManifest); err != nil {
		return "", err
	}
	names := a.tagsOn(a.Digest)
	slices.Sort(names)
	for _, reference := range append([]string{string(a.Digest)}, names...) {
		if at, err := a.head(ctx, reference); err == nil && at.Digest != "" {
			continue // there, or somebody else's by now
		}
		if err := a.mutator.PutManifest(ctx, a.name, reference, *raw); err != nil {
			return fmt.Sprintf("the registry deleted manifest %s along with the tag, and it could not be put back as %s: %v", a.Digest, reference, err), nil
		}
	}
	return fmt.Sprintf("the registry deleted manifest %s along with the tag; it was put back", a.Digest), nil
}

// withoutTagDelete is what is left where the registry cannot remove a tag
// alone: the placeholder if the plan says so, and otherwise nothing. Never a
// delete by digest, which would take the siblings along.
func (a *attempt) withoutTagDelete(ctx context.Context, raw *oci.RawManifest) (journal.Status, string, error) {
	if a.Action == plan.OverwriteTag {
		return a.overwrite(ctx, raw)
	}
	why := "the registry cannot remove a tag alone"
	if len(a.Siblings) > 0 {
		why += fmt.Sprintf(", and a delete by digest would take %s along", strings.Join(a.Siblings, ", "))
	} else {
		why += ", and its manifest is needed by others"
	}
	return journal.Blocked, why, nil
}
