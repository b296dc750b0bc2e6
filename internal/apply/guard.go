package apply

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// guardian is what keeps a digest in place.
type guardian struct {
	why string
	// status of a step that would delete the digest: changed where a tag leads
	// to it, refused where another step left it in use.
	status journal.Status
}

// guardTag marks what a tag that stays leads to, at any depth.
func (r *repository) guardTag(ctx context.Context, name string, at oci.Descriptor) error {
	read := r.mayRead() && !r.foreseen(name, at.Digest)
	return r.guard(ctx, at, name, fmt.Sprintf("tag %q", name), journal.Changed, read)
}

// guardStep marks what a step leaves in place because it had no success: an
// index that stays keeps its children, a subject its attachments.
func (r *repository) guardStep(ctx context.Context, s plan.Step, status journal.Status) {
	if s.Action != plan.DeleteManifest && s.Action != plan.DeleteComponent || r.halted() != "" {
		return
	}
	by := fmt.Sprintf("manifest %s, whose own step %d is %s,", s.Digest.Short(), s.Seq, status)
	top := oci.Descriptor{Digest: s.Digest, MediaType: s.MediaType}
	if err := r.guard(context.WithoutCancel(ctx), top, s.Tag, by, journal.Refused, r.mayRead()); err != nil {
		r.stop(err.Error())
	}
}

func (r *repository) guard(ctx context.Context, top oci.Descriptor, tag, by string, status journal.Status, read bool) error {
	verb := " points to it"
	if status == journal.Refused {
		verb = " is still there"
	}
	for queue := []oci.Descriptor{top}; len(queue) > 0; queue = queue[1:] {
		next := queue[0]
		if _, known := r.guardianOf(next.Digest); !known {
			children, err := r.children(ctx, next, tag, read)
			if err != nil {
				return fmt.Errorf("what %s leads to is not known: %w", by, err)
			}
			r.protect(next.Digest, guardian{by + verb, status})
			queue = append(queue, children...)
		}
		tag, verb = "", " lists it"
	}
	return nil
}

// mayRead says whether to read what something leads to. Where tags are deleted
// as components no manifest is, and reading one counts as a use of it (Nexus,
// "last downloaded"): what lies below matters there to attachments alone.
func (r *repository) mayRead() bool {
	return !r.components() ||
		slices.ContainsFunc(r.steps, func(s plan.Step) bool { return s.Why == "attachment" })
}

// foreseen says whether a tag is as the plan saw it, which then has taken into
// account what it leads to. It is asked only where reading has a price.
func (r *repository) foreseen(tag string, at oci.Digest) bool {
	planned, known := r.planned[tag]
	return known && planned == at
}

// components says whether tags are deleted as components here and manifests
// are left to the registry.
func (r *repository) components() bool { return r.supports().ComponentDelete == registry.SupportYes }

// children lists the manifests that a manifest lists. One that is not there,
// neither by digest nor under its tag, lists nothing; nor does one that was not
// fetched before and may not be read now.
func (r *repository) children(ctx context.Context, d oci.Descriptor, tag string, read bool) ([]oci.Descriptor, error) {
	if oci.KindOf(d.MediaType) == oci.KindImage {
		return nil, nil
	}
	if children, read := r.read(d.Digest); read {
		return children, nil
	}
	if _, cheap := r.cached(ctx, d.Digest); !read && !cheap {
		return nil, nil
	}
	raw, err := r.fetch(ctx, d.Digest, tag)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	children := listed(raw)
	r.noteList(d.Digest, children)
	return children, nil
}

// anyDigest finds digests in documents whose structure is not known.
var anyDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}`)

// listed are the children of an index. A manifest that nobody here can take
// apart leads to every digest that it mentions.
func listed(raw oci.RawManifest) []oci.Descriptor {
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err == nil && m.Kind != oci.KindUnknown {
		return m.Children
	}
	var children []oci.Descriptor
	for _, found := range anyDigest.FindAll(raw.Body, -1) {
		children = append(children, oci.Descriptor{Digest: oci.Digest(found)})
	}
	return children
}

// fetch reads a manifest by digest, from what was fetched before if it can.
// Some registries serve a manifest under its tags after it was deleted by
// digest; tag is asked then, if there is one, and must give the same bytes.
func (r *repository) fetch(ctx context.Context, digest oci.Digest, tag string) (oci.RawManifest, error) {
	if raw, found := r.cached(ctx, digest); found {
		return raw, nil
	}
	raw, err := r.reader.Manifest(ctx, r.name, string(digest))
	if errors.Is(err, registry.ErrNotFound) && tag != "" {
		raw, err = r.reader.Manifest(ctx, r.name, tag)
	}
	if err != nil {
		return raw, err
	}
	if err := digest.Verify(raw.Body); err != nil {
		return raw, fmt.Errorf("manifest %s of %s/%s: %w", digest, r.registry, r.name, err)
	}
	raw.Digest = digest
	return raw, nil
}

// cached is a manifest that was fetched before. A cache that fails is no cache.
func (r *repository) cached(ctx context.Context, digest oci.Digest) (oci.RawManifest, bool) {
	if raw, recalled := r.recalled(digest); recalled {
		return raw, true
	}
	if r.Contents == nil {
		return oci.RawManifest{}, false
	}
	found, _ := r.Contents.Contents(ctx, []oci.Digest{digest})
	return usable(digest, found)
}

func usable(digest oci.Digest, found map[oci.Digest]oci.RawManifest) (oci.RawManifest, bool) {
	raw, there := found[digest]
	raw.Digest = digest
	return raw, there && raw.MediaType != "" && digest.Verify(raw.Body) == nil
}

// recallAtOnce is how many manifests are read from the cache at once, and so
// how many are held that no step has asked for yet.
const recallAtOnce = 64

// recall reads what was fetched before of the manifests of the next steps.
func (r *repository) recall(ctx context.Context, steps []plan.Step) {
	if r.Contents == nil {
		return
	}
	var digests []oci.Digest
	for _, s := range steps {
		if s.Action == plan.DeleteManifest || s.Action == plan.Untag {
			digests = append(digests, s.Digest)
		}
	}
	found, _ := r.Contents.Contents(ctx, digests)
	for _, digest := range digests {
		if raw, there := usable(digest, found); there {
			r.noteRecalled(raw)
		}
	}
}
