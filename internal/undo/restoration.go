package undo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// restoration plans one repository.
type restoration struct {
	*Request
	place
	want   *want
	reader registry.Reader
	// content has what was kept whole; nil where only manifests were.
	content Archive
	steps   []plan.Step
	blocked []plan.Blocked
	back    map[oci.Digest]bool // there, or will be; false: cannot be
	blobs   map[oci.Digest]bool // there, or in the archive
	heads   map[string]oci.Descriptor
}

// build adds the steps: images and indexes, their tags, then attachments and
// theirs.
func (r *restoration) build(ctx context.Context) error {
	if err := r.ahead(ctx); err != nil {
		return err
	}
	var roots, attachments []oci.Digest
	for _, digest := range slices.Sorted(maps.Keys(r.want.deleted)) {
		if r.attachment(digest) {
			attachments = append(attachments, digest)
		} else {
			roots = append(roots, digest)
		}
	}
	for _, attached := range []bool{false, true} {
		digests := roots
		if attached {
			digests = attachments
		}
		for _, digest := range digests {
			if _, err := r.manifest(ctx, digest); err != nil {
				return err
			}
		}
		for _, tag := range slices.Sorted(maps.Keys(r.want.tags)) {
			if _, of := r.want.attachedTo(tag, r.want.tags[tag]); of != attached {
				continue
			}
			if err := r.tag(ctx, tag, r.want.tags[tag]); err != nil {
				return err
			}
		}
	}
	return nil
}

// attachment says whether a manifest is only there for another one.
func (r *restoration) attachment(digest oci.Digest) bool {
	if m, ok := r.want.decode(digest); ok && m.Subject != nil {
		return true
	}
	tagged, only := false, true
	for tag, at := range r.want.tags {
		if at == digest {
			_, _, ok := oci.ParseAttachmentTag(tag)
			tagged, only = true, only && ok
		}
	}
	return tagged && only
}

// manifest plans one manifest after everything below it and, for an
// attachment, after its subject. It says whether the manifest will be there.
func (r *restoration) manifest(ctx context.Context, digest oci.Digest) (bool, error) {
	if back, known := r.back[digest]; known {
		return back, nil
	}
	at, err := r.head(ctx, string(digest))
	if err != nil {
		return false, err
	}
	if r.back[digest] = at.Digest != ""; r.back[digest] {
		return true, nil
	}
	raw, archived, err := r.raw(ctx, digest)
	if err != nil {
		return false, err
	}
	if !archived {
		code := CodeMissingManifest
		if r.want.deleted[digest] {
			code = CodeNotArchived
			r.block("", digest, code)
		}
		return false, nil
	}
	missing, code, err := r.needs(ctx, raw)
	if err != nil {
		return false, err
	}
	if len(missing) > 0 {
		r.block("", digest, code, missing...)
		return false, nil
	}
	r.back[digest] = true
	r.step(plan.Step{Action: plan.PutManifest, Digest: digest, MediaType: raw.MediaType, Why: r.why(digest)})
	return true, nil
}

// raw is what was archived of a manifest, as a step of its own or below one.
func (r *restoration) raw(ctx context.Context, digest oci.Digest) (oci.RawManifest, bool, error) {
	raw, kept := r.want.manifests[digest]
	if kept || r.content == nil {
		return raw, kept, nil
	}
	raw, err := r.content.Manifest(ctx, digest)
	if errors.Is(err, archive.ErrNotKept) {
		return raw, false, nil
	}
	if err != nil {
		return raw, false, fmt.Errorf("what run %s removed from %s/%s: %w", r.Run.ID, r.registry, r.repository, err)
	}
	r.want.manifests[digest] = raw
	return raw, true, nil
}

func (r *restoration) why(digest oci.Digest) string {
	if r.attachment(digest) {
		return "attachment"
	}
	for _, at := range r.want.tags {
		if at == digest {
			return "root"
		}
	}
	return "child"
}

// needs plans what is below a manifest, and names what cannot be had.
func (r *restoration) needs(ctx context.Context, raw oci.RawManifest) (missing []string, code string, err error) {
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil {
		return nil, "", err
	}
	for _, child := range m.Children {
		there, err := r.manifest(ctx, child.Digest)
		if err != nil {
			return nil, "", err
		}
		if !there {
			missing = append(missing, string(child.Digest))
		}
	}
	if len(missing) > 0 {
		return missing, CodeMissingManifest, nil
	}
	// A subject need not be there for its attachment to be put, but comes first.
	if m.Subject != nil && r.want.deleted[m.Subject.Digest] {
		if _, err := r.manifest(ctx, m.Subject.Digest); err != nil {
			return nil, "", err
		}
	}
	for _, blob := range m.Stored() {
		there, err := r.blob(ctx, blob.Digest)
		if err != nil {
			return nil, "", err
		}
		if !there {
			missing = append(missing, string(blob.Digest))
		}
	}
	return missing, CodeMissingBlob, nil
}

// blob says whether a blob is in the registry or in the archive.
func (r *restoration) blob(ctx context.Context, digest oci.Digest) (bool, error) {
	if there, known := r.blobs[digest]; known {
		return there, nil
	}
	there, err := r.lookForBlob(ctx, digest)
	r.blobs[digest] = there
	return there, err
}

func (r *restoration) lookForBlob(ctx context.Context, digest oci.Digest) (bool, error) {
	there, err := registry.HasBlob(ctx, r.reader, r.repository, digest)
	if err == nil && !there {
		if there, err = r.archived(ctx, digest); err != nil {
			return false, err
		}
	}
	if err != nil {
		return false, fmt.Errorf("what run %s removed from %s/%s: %w", r.Run.ID, r.registry, r.repository, err)
	}
	return there, nil
}

func (r *restoration) archived(ctx context.Context, digest oci.Digest) (bool, error) {
	if r.content == nil {
		return false, nil
	}
	content, _, err := r.content.Blob(ctx, digest)
	if errors.Is(err, archive.ErrNotKept) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, content.Close()
}

// tag plans one tag, unless it is there or somebody else's by now.
func (r *restoration) tag(ctx context.Context, tag string, digest oci.Digest) error {
	at, err := r.head(ctx, tag)
	if err != nil || at.Digest == digest {
		return err
	}
	if at.Digest != "" && !r.Overwrite {
		r.block(tag, digest, CodeMoved, string(at.Digest))
		return nil
	}
	back, err := r.manifest(ctx, digest)
	if err != nil {
		return err
	}
	if !back {
		r.block(tag, digest, CodeMissingManifest, string(digest))
		return nil
	}
	raw := r.want.manifests[digest]
	why := "root"
	if _, attached := r.want.attachedTo(tag, digest); attached {
		why = "attachment"
	}
	r.step(plan.Step{Action: plan.PutTag, Tag: tag, Digest: digest, MediaType: raw.MediaType, Replaces: at.Digest, Why: why})
	return nil
}

// head is what a tag or digest was when it was looked at; the zero value where
// it was not there.
func (r *restoration) head(ctx context.Context, reference string) (oci.Descriptor, error) {
	if at, known := r.heads[reference]; known {
		return at, nil
	}
	return r.look(ctx, reference)
}

func (r *restoration) look(ctx context.Context, reference string) (oci.Descriptor, error) {
	at, err := r.reader.Head(ctx, r.repository, reference)
	if errors.Is(err, registry.ErrNotFound) {
		return oci.Descriptor{}, nil
	}
	if err != nil {
		return at, fmt.Errorf("what run %s removed from %s/%s: %w", r.Run.ID, r.registry, r.repository, err)
	}
	return at, nil
}

func (r *restoration) step(s plan.Step) {
	s.Type, s.Undo = "step", plan.UndoNone
	s.Registry, s.Repository, s.Quarantine = r.registry, r.repository, r.want.holding
	r.steps = append(r.steps, s)
}

func (r *restoration) block(tag string, digest oci.Digest, code string, by ...string) {
	r.blocked = append(r.blocked, plan.Blocked{
		Type: "blocked", Registry: r.registry, Repository: r.repository, Tag: tag, Digest: digest, Code: code, By: append([]string{}, by...),
	})
}
