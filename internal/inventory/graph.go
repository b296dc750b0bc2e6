package inventory

import (
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// Root is what a policy decides about: a tag that is no attachment, or an
// untagged manifest that is neither a child nor an attachment.
type Root struct {
	Tag      *Tag       // nil for an untagged manifest
	Digest   oci.Digest // "" when not known
	Manifest *Manifest  // nil when not known
}

// Name is the tag, or "" for an untagged root.
func (r Root) Name() string {
	if r.Tag == nil {
		return ""
	}
	return r.Tag.Name
}

// AttachmentOf says what a tag is attached to: by its name (referrers fallback
// and cosign schemes) or because its manifest names a subject.
func (r *Repository) AttachmentOf(tag *Tag) (oci.Digest, bool) {
	if subject, _, ok := oci.ParseAttachmentTag(tag.Name); ok {
		return subject, true
	}
	if m := r.Manifests[tag.Digest]; m != nil && m.Subject != "" {
		return m.Subject, true
	}
	return "", false
}

// Roots lists the roots: tags by name, then untagged manifests by digest. One
// that is known only because something uses it is none: who sees it must not
// change what becomes of the others.
func (r *Repository) Roots() []Root {
	roots := make([]Root, 0, len(r.Tags))
	tagged := make(map[*Manifest]struct{}, min(len(r.Tags), len(r.Manifests)))
	for i := range r.Tags {
		tag := &r.Tags[i]
		m := r.Manifests[tag.Digest]
		if m != nil {
			tagged[m] = struct{}{}
		}
		if _, _, attached := oci.ParseAttachmentTag(tag.Name); attached || m != nil && m.Subject != "" {
			continue
		}
		roots = append(roots, Root{Tag: tag, Digest: tag.Digest, Manifest: m})
	}
	listed := map[oci.Digest]bool{}
	for _, m := range r.Manifests {
		for _, child := range m.Children {
			listed[child.Digest] = true
		}
	}
	untagged := len(roots)
	for digest, m := range r.Manifests {
		if m.Named && !r.ManifestsListed {
			continue // known because it is used, not because it is there to be judged
		}
		if _, there := tagged[m]; !there && !listed[digest] && m.Subject == "" && !m.Missing {
			roots = append(roots, Root{Digest: digest, Manifest: m})
		}
	}
	slices.SortFunc(roots[untagged:], func(a, b Root) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	return roots
}
