package inventory

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Deepen reads what a plan must know before it may remove the manifests that
// removed roots point at: every manifest below them, every attachment of these
// (and of the attachments), and the build times that the grace rule asks for.
// It returns a new Repository and leaves repo as it is; what could not be
// learned is a gap. What is known is not asked for again.
//
// In registries that delete components only the indexes are read, and only
// where an attachment belongs to something that may go or has no tag: a
// signature stays as long as some index lists what it signs.
func (s *Scanner) Deepen(ctx context.Context, repo *Repository, removed []oci.Digest) (*Repository, error) {
	deeper := *repo
	deeper.Gaps = slices.Clone(repo.Gaps)
	deeper.Manifests = maps.Clone(repo.Manifests)
	if len(removed) == 0 || len(repo.Gaps) > 0 {
		return &deeper, nil
	}
	jobs, release := s.pool.hold()
	defer release()
	r := s.reading(jobs, &deeper)
	r.lent = true
	if repo.Depth != Graph {
		r.gap("manifest", "the tags of %s were not resolved", repo.Name)
		return &deeper, nil
	}
	components := s.info.Capabilities.ComponentDelete == registry.SupportYes
	if components {
		r.readIndexes(removed)
	} else {
		r.readMentions()
		r.deep = newDescent(r)
		for _, digest := range removed {
			r.deep.into(digest)
		}
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	for _, i := range r.vanished {
		r.gap("manifest", "tag %s changed while reading: its manifest is not there any more", deeper.Tags[i].Name)
	}
	if !components && len(deeper.Gaps) == 0 {
		deeper.ReferrersComplete = true
	}
	r.settle()
	return &deeper, nil
}

// recall takes over the configs that an earlier reading brought, as far as the
// manifests show what was in them. It is called when a config is asked for.
func (r *reading) recall() {
	if !r.lent || r.recollected {
		return
	}
	r.recollected = true
	for _, m := range r.repo.Manifests {
		if !m.facts || !m.hasConfig() || m.Created.Equal(oci.ParseTime(m.Annotations[oci.AnnotationCreated])) && !m.Created.IsZero() {
			continue // its build time may be the annotation's
		}
		config := &oci.Config{Created: m.Created, Labels: m.Labels}
		if len(m.Platforms) > 0 {
			config.Platform = m.Platforms[0]
		}
		r.configs[m.Config.Digest] = config
	}
}

// readIndexes reads whatever may be an index, if there is an attachment of
// something that may go or that no tag points at: an index may list it. Reading
// counts as a use of the index there, so nothing is read for less.
func (r *reading) readIndexes(removed []oci.Digest) {
	staying := map[oci.Digest]bool{}
	for i := range r.repo.Tags {
		staying[r.repo.Tags[i].Digest] = true
	}
	for _, digest := range removed {
		delete(staying, digest)
	}
	if !slices.ContainsFunc(r.repo.Tags, func(t Tag) bool {
		subject, ok := r.repo.AttachmentOf(&t)
		return ok && !staying[subject]
	}) {
		return
	}
	for i := range r.repo.Tags {
		if m := r.repo.Manifests[r.repo.Tags[i].Digest]; m != nil && m.Kind != oci.KindImage {
			r.need(m.Digest)
		}
	}
}

// readMentions reads what manifests that nobody understands may list as their
// children.
func (r *reading) readMentions() {
	for _, m := range r.repo.Manifests {
		for _, digest := range m.Mentions {
			r.need(digest)
		}
	}
}

// descent is the way down from what is about to go.
type descent struct {
	r        *reading
	attached map[oci.Digest][]oci.Digest // attachments by subject
	waiting  []ask                       // until it is known whether the registry has a referrers API
	probing  bool
}

func newDescent(r *reading) *descent {
	d := &descent{r: r, attached: map[oci.Digest][]oci.Digest{}}
	for i := range r.repo.Tags {
		tag := &r.repo.Tags[i]
		if subject, _, ok := oci.ParseAttachmentTag(tag.Name); ok && tag.Digest != "" {
			d.attached[subject] = append(d.attached[subject], tag.Digest)
		}
	}
	for digest, m := range r.repo.Manifests {
		if m.Subject != "" {
			d.attached[m.Subject] = append(d.attached[m.Subject], digest)
		}
	}
	return d
}

// into enters a manifest that may go.
func (d *descent) into(digest oci.Digest) {
	if d.r.marked(digest, entered) || digest == "" {
		return
	}
	d.r.marks[digest] |= entered
	if m := d.r.repo.Manifests[digest]; m != nil && m.settled() {
		d.below(m)
	} else {
		d.r.need(digest)
	}
}

// learned is told of every manifest that was read.
func (d *descent) learned(m *Manifest) {
	if d.r.marked(m.Digest, entered) {
		d.below(m)
	}
}

// below goes on to children and attachments.
func (d *descent) below(m *Manifest) {
	if !m.Read {
		return
	}
	for _, child := range m.Children {
		d.into(child.Digest)
		if known := d.r.repo.Manifests[child.Digest]; known == nil || known.Pushed.IsZero() {
			d.r.want(m.Digest) // the grace rule goes by the index then
		}
	}
	for _, attachment := range d.attached[m.Digest] {
		d.into(attachment)
	}
	q := ask{op: askReferrers, digest: m.Digest}
	switch d.r.s.referrers() {
	case registry.SupportYes:
		d.r.now = append(d.r.now, q)
	case registry.SupportUnknown:
		d.waiting = append(d.waiting, q)
		d.probe()
	}
}

// probe sends the first question alone: a registry that has no referrers API
// is asked once.
func (d *descent) probe() {
	if d.probing || len(d.waiting) == 0 {
		return
	}
	d.probing = true
	d.r.now = append(d.r.now, d.waiting[0])
	d.waiting = d.waiting[1:]
}

func (r *reading) takeReferrers(a answer) {
	d := r.deep
	d.probing = false
	notFound := errors.Is(a.err, registry.ErrNotFound)
	switch {
	case notFound && r.s.referrers() == registry.SupportYes:
		return // this one subject is gone
	case notFound, errors.Is(a.err, registry.ErrUnsupported):
		// distribution-spec, "Listing Referrers": then the fallback tag tells.
		r.s.learnReferrers(registry.SupportNo)
		d.waiting = nil
		return
	case a.err != nil:
		r.fail("referrers", a.err)
		d.probe()
		return
	}
	r.s.learnReferrers(registry.SupportYes)
	r.now = append(r.now, d.waiting...)
	d.waiting = nil
	for _, referrer := range a.referrers {
		d.into(referrer.Digest)
	}
}

// referrers says whether the registry has a referrers API, as far as it was
// seen.
func (s *Scanner) referrers() registry.Support {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.referrersAPI
}

func (s *Scanner) learnReferrers(support registry.Support) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.referrersAPI = support
}
