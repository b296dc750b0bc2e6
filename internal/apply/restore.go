package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
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
	status, why, err := a.supply(ctx, raw)
	if status != "" || err != nil {
		return status, why, err
	}
	return a.put(ctx, string(a.Digest), raw)
}

// putTag points a tag at its old digest again, unless it points elsewhere by
// now; then only if the plan saw it there and replaces it.
func (a *attempt) putTag(ctx context.Context) (journal.Status, string, error) {
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
	if found, err := a.head(ctx, string(a.Digest)); err != nil || found.Digest == "" {
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
	}, func() error { return a.mutator.PutManifest(ctx, a.name, reference, raw) })
}

// supply makes sure that everything a manifest needs is in the registry:
// children must be back already, blobs come from the archive if they are gone.
// What is missing is named before the registry is asked to take the manifest.
func (a *attempt) supply(ctx context.Context, raw oci.RawManifest) (journal.Status, string, error) {
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil {
		return journal.Failed, err.Error(), nil
	}
	for _, child := range m.Children {
		found, err := a.head(ctx, string(child.Digest))
		if err != nil {
			return a.blind(err)
		}
		if found.Digest == "" {
			return journal.Refused, fmt.Sprintf("manifest %s below it is not back", child.Digest), nil
		}
	}
	var missing []string
	for _, blob := range m.Stored() {
		there, err := a.hasBlob(ctx, blob.Digest)
		if err != nil {
			return a.blind(err)
		}
		if there {
			continue
		}
		content, size, err := a.content().Blob(ctx, blob.Digest)
		if errors.Is(err, archive.ErrNotKept) {
			missing = append(missing, string(blob.Digest))
			continue
		}
		if err != nil {
			return journal.Failed, fmt.Sprintf("blob %s in the archive: %v", blob.Digest, err), nil
		}
		if size < 0 {
			size = blob.Size // the archive did not say
		}
		if err := a.intend(ctx, plan.PutManifest); err != nil {
			return "", "", errors.Join(err, content.Close())
		}
		if err := errors.Join(a.mutator.PutBlob(ctx, a.name, blob.Digest, size, content), content.Close()); err != nil {
			return a.unmoved(err)
		}
	}
	if len(missing) > 0 {
		return journal.Blocked, fmt.Sprintf("manifest %s needs blobs that are gone from registry and archive: %s", a.Digest, strings.Join(missing, ", ")), nil
	}
	return "", "", nil
}

// hasBlob opens a blob and reads nothing of it.
func (r *repository) hasBlob(ctx context.Context, digest oci.Digest) (bool, error) {
	blob, err := r.reader.Blob(ctx, r.name, digest)
	if errors.Is(err, registry.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, blob.Close()
}
