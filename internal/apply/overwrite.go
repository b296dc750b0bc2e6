package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// emptyConfig is the config blob of placeholders.
var emptyConfig = []byte("{}")

// placeholder is a manifest that nobody else has: pushed over a tag, and then
// deleted by digest, it takes the tag along and leaves the image. It follows
// from the plan and the step alone, so that a resumed run knows its own.
func (r *repository) placeholder(s plan.Step) oci.RawManifest {
	return r.disposable(fmt.Sprintf("%s/%s/%d", r.header.ID, r.summary.Hash, s.Seq))
}

func (r *repository) disposable(purpose string) oci.RawManifest {
	body, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     oci.MediaTypeImage,
		"config": map[string]any{
			"mediaType": oci.MediaTypeConfig, "digest": oci.FromBytes(emptyConfig), "size": len(emptyConfig),
		},
		"layers":      []any{},
		"annotations": map[string]string{"dev.regkeep.placeholder": purpose},
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body}
}

// overwrite removes a tag with a placeholder. raw is nil when an earlier
// process had already pushed it.
func (a *attempt) overwrite(ctx context.Context, raw *oci.RawManifest) (journal.Status, string, error) {
	if err := a.intend(ctx, plan.OverwriteTag); err != nil {
		return "", "", err
	}
	if !a.overwrites { // steps of this kind come one by one
		if err := a.proveOverwrite(ctx); err != nil {
			return journal.Blocked, fmt.Sprintf("the registry cannot remove a tag alone, and a placeholder does not work here either: %v", err), nil
		}
		a.overwrites = true
	}
	placeholder := a.placeholder(a.Step)
	at, err := a.head(ctx, a.Tag)
	switch {
	case err != nil:
		return a.unsettled(nil, err)
	case at.Digest == a.Digest && raw != nil:
		acted := a.mutator.PutManifest(registry.SendWithin(ctx, fresh), a.name, a.Tag, placeholder)
		covered, err := a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
			at, err := a.head(ctx, a.Tag)
			return at.Digest == placeholder.Digest, err
		})
		if err != nil {
			return a.unsettled(acted, err)
		}
		if !covered {
			return a.unmoved(acted)
		}
	case at.Digest != placeholder.Digest:
		return a.movedAway(ctx, map[string]oci.Descriptor{a.Tag: at})
	}
	acted := a.mutator.DeleteManifest(ctx, a.name, placeholder.Digest)
	_, err = a.until(ctx, waits(acted), func(ctx context.Context) (bool, error) {
		at, err = a.head(ctx, a.Tag)
		return at.Digest != placeholder.Digest, err
	})
	switch {
	case err != nil:
		return a.unsettled(acted, err)
	case at.Digest == placeholder.Digest:
		status, why, err := a.unmoved(acted)
		if err == nil && raw != nil && a.mutator.PutManifest(ctx, a.name, a.Tag, *raw) == nil {
			why += "; the tag was put back"
		}
		return status, why, err
	case at.Digest != "":
		return a.movedAway(ctx, map[string]oci.Descriptor{a.Tag: at})
	}
	a.untagged(a.Tag)
	if why, err := a.spared(ctx, raw); why != "" || err != nil {
		return journal.Failed, why, err
	}
	return journal.Done, "", nil
}

// proveOverwrite goes through the whole trick on two disposable manifests: on
// some registries overwriting the only tag of an image destroys it at once
// (zot), on others the tag outlives the placeholder (go-containerregistry).
func (r *repository) proveOverwrite(ctx context.Context) error {
	tag := "regkeep-probe-" + oci.FromBytes([]byte(r.summary.Hash+r.name)).Short()
	first, second := r.disposable("probe 1 of "+tag), r.disposable("probe 2 of "+tag)
	defer func() {
		// Whatever the proof showed, nothing of it is left where deletes work.
		for _, m := range []oci.RawManifest{second, first} {
			_ = r.mutator.DeleteManifest(ctx, r.name, m.Digest)
		}
	}()
	if err := r.mutator.PutBlob(ctx, r.name, oci.FromBytes(emptyConfig), int64(len(emptyConfig)), bytes.NewReader(emptyConfig)); err != nil {
		return err
	}
	for _, m := range []oci.RawManifest{first, second} {
		if err := r.mutator.PutManifest(ctx, r.name, tag, m); err != nil {
			return err
		}
	}
	survived := func(when string) error {
		found, err := r.head(ctx, string(first.Digest))
		if err == nil && found.Digest == "" {
			err = fmt.Errorf("a disposable manifest was destroyed when its tag was %s", when)
		}
		return err
	}
	if err := survived("overwritten"); err != nil {
		return err
	}
	if err := r.mutator.DeleteManifest(ctx, r.name, second.Digest); err != nil {
		return err
	}
	a := &attempt{repository: r, waiting: ctx}
	gone, err := a.until(ctx, patience, func(ctx context.Context) (bool, error) {
		found, err := r.head(ctx, tag)
		return found.Digest == "", err
	})
	if err != nil {
		return err
	}
	if !gone {
		return errors.New("a disposable tag outlived its manifest")
	}
	if err := survived("deleted"); err != nil {
		return err
	}
	return r.seen(ctx, digestDelete, registry.SupportYes)
}
