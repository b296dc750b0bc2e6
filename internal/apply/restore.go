package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// putManifest stores a manifest under its digest, once everything it needs is
// there.
func (a *attempt) putManifest(ctx context.Context) (journal.Status, string, error) {
	before, err := a.head(ctx, string(a.Digest))
	if err != nil {
		return a.blind(err)
	}
	if before.Digest != "" {
		return a.there()
	}
	raw, err := a.content().Manifest(ctx, a.Digest)
	if errors.Is(err, archive.ErrNotKept) {
		return journal.Failed, "its bytes are not in the archive", nil
	}
	if err != nil {
		return journal.Failed, err.Error(), nil
	}
	if a.MediaType != "" {
		raw.MediaType = a.MediaType
	}
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil {
		return journal.Failed, err.Error(), nil
	}
	if a.waitsFor(&m) {
		return postponed, "", nil
	}
	status, why, err := a.supply(ctx, &m)
	if status != "" || err != nil {
		return status, why, err
	}
	return a.put(ctx, string(a.Digest), raw)
}

// putTag points a tag at its old digest again, unless it points elsewhere by
// now; then only if the plan saw it there and replaces it.
func (a *attempt) putTag(ctx context.Context) (journal.Status, string, error) {
	if a.isDue(a.Digest) {
		return postponed, "", nil
	}
	a.looked = a.Now()
	before, err := a.head(ctx, a.Tag)
	switch {
	case err != nil:
		return a.blind(err)
	case before.Digest == a.Digest:
		return a.there()
	case before.Digest != a.Replaces:
		return journal.Changed, fmt.Sprintf("it points to %s by now and is left alone", before.Digest.Short()), nil
	}
	raw, err := a.fetch(ctx, a.Digest, "")
	if errors.Is(err, registry.ErrNotFound) {
		return journal.Refused, fmt.Sprintf("manifest %s is not back", a.Digest), nil
	}
	if err != nil {
		return a.blind(err)
	}
	found, err := a.head(ctx, string(a.Digest))
	switch {
	case err != nil: // which a resumed run may not meet again
		return journal.Refused, err.Error(), nil
	case found.Digest == "":
		return journal.Refused, fmt.Sprintf("manifest %s is not back", a.Digest), nil
	}
	return a.put(ctx, a.Tag, raw)
}

func (a *attempt) there() (journal.Status, string, error) {
	if a.intended {
		return journal.Done, "", nil
	}
	return journal.AlreadyThere, "", nil
}

func (a *attempt) put(ctx context.Context, reference string, raw oci.RawManifest) (journal.Status, string, error) {
	if !a.mayBegin() {
		return postponed, "", nil
	}
	if err := a.intend(ctx, a.Action); err != nil {
		return "", "", err
	}
	return a.insist(ctx, func(ctx context.Context, acted error) (journal.Status, string, error) {
		there, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
			at, err := a.head(ctx, reference)
			return at.Digest == a.Digest, err
		})
		switch {
		case err != nil:
			return a.unsettled(acted, err)
		case there:
			return journal.Done, "", nil
		}
		return a.unmoved(acted)
	}, func(ctx context.Context) error { return a.mutator.PutManifest(ctx, a.name, reference, raw) })
}

// waitsFor says whether something that a manifest needs, or its subject, is
// still to be put back by another step.
func (a *attempt) waitsFor(m *oci.Manifest) bool {
	return m.Subject != nil && a.pending(m.Subject.Digest) ||
		slices.ContainsFunc(m.Children, func(child oci.Descriptor) bool { return a.pending(child.Digest) })
}

// mayBegin says whether a step may have its first effect: where nobody waits
// for the run any more, it is left to the next one.
func (a *attempt) mayBegin() bool { return a.intended || a.waiting.Err() == nil }
