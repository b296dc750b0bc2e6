package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// read reads one repository, as deep as demand says. What goes wrong in it is
// a gap; the error is the context's, or that of FirstSeen.
func (s *Scanner) read(ctx context.Context, jobs chan<- func(), name string, demand Demand, gate *gate) (*Repository, error) {
	repo := &Repository{Registry: s.info.Name, Name: name, PullsRecorded: s.info.Capabilities.PullTimes == registry.SupportYes}
	r := s.reading(jobs, repo)
	atHand := func([]Tag) []bool { return nil }
	if s.opts.Recall != nil {
		atHand = s.opts.Recall(ctx, name)
	}
	listed, missing, err := s.list(ctx, jobs, name)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		r.fail("tags", err)
	case missing && slices.Contains(s.opts.Repositories, name):
		r.gap("tags", "there is no repository %s in %s", name, s.info.Name)
	}
	repo.Tags = make([]Tag, len(listed))
	for i := range listed {
		repo.Tags[i] = newTag(listed[i])
	}
	if len(repo.Gaps) > 0 {
		return repo, nil
	}
	want := demand.Want(repo)
	if !want.Graph {
		return repo, nil
	}
	if err := gate.enter(ctx, len(listed)); err != nil {
		return nil, err
	}
	repo.Depth, repo.Manifests, r.wish = Graph, placeholders(listed), want
	if err := r.graph(ctx, atHand); err != nil {
		return nil, err
	}
	return repo, s.firstSeen(ctx, repo)
}

// graph resolves the tags and reads what they lead to. atHand says which of them
// need not be fetched.
func (r *reading) graph(ctx context.Context, atHand func([]Tag) []bool) error {
	untagged, err := r.untagged(ctx)
	if err != nil {
		return err
	}
	light := r.componentsSuffice()
	r.recalled = atHand(r.repo.Tags)
	for i := len(r.repo.Tags) - 1; i >= 0; i-- {
		tag := &r.repo.Tags[i]
		switch {
		case tag.Digest != "" && light:
			if m := r.repo.Manifests[tag.Digest]; r.wish.Indexes && (m == nil || m.Kind != oci.KindImage) {
				r.need(tag.Digest)
			}
			r.pointed(tag)
		case tag.Digest != "":
			r.need(tag.Digest)
			r.pointed(tag)
		case tag.Problem == "" || !light:
			r.resolve(i)
		}
	}
	for _, next := range []func(){
		func() { r.readUntagged(untagged, false) },
		func() { r.readUntagged(untagged, true) },
		r.readSubjects,
		r.readUsed,
		r.markUsed,
		r.settle,
	} {
		if err := r.run(ctx); err != nil {
			return err
		}
		if err := r.lookAgain(ctx); err != nil {
			return err
		}
		next()
	}
	return nil
}

// pointed is called once for every tag whose digest is known. No decision asks
// for the age of an attachment: it follows what it is attached to.
func (r *reading) pointed(tag *Tag) {
	if _, attached := r.repo.AttachmentOf(tag); attached {
		return
	}
	if r.wish.Config != nil && r.wish.Config(tag.Name) {
		r.want(tag.Digest)
	}
}

// componentsSuffice says that the listing told all that a decision needs, in a
// registry that deletes components and clears manifests away by itself.
func (r *reading) componentsSuffice() bool {
	if r.s.info.Capabilities.ComponentDelete != registry.SupportYes || r.wish.Untagged || r.wish.Orphans {
		return false
	}
	return !slices.ContainsFunc(r.repo.Tags, func(t Tag) bool {
		return t.Problem == "" && (t.Digest == "" || t.Pushed.IsZero())
	})
}

// untagged lists every manifest where that is wanted and the registry can. It
// runs before anything is fetched: what is fetched counts as pulled.
func (r *reading) untagged(ctx context.Context) ([]registry.Manifest, error) {
	lister, ok := registry.As[registry.ManifestLister](r.s.reader)
	if !r.wish.Untagged || !ok {
		return nil, nil
	}
	var listed []registry.Manifest
	var failure error
	if err := do(ctx, r.jobs, func() {
		for m, err := range lister.Manifests(ctx, r.repo.Name) {
			if err != nil {
				failure = err
				break
			}
			listed = append(listed, m)
		}
	}); err != nil {
		return nil, err
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(failure, registry.ErrUnsupported):
		return nil, nil
	case failure != nil:
		r.fail("listing", fmt.Errorf("the list of manifests ended after %d: %w", len(listed), failure))
		return nil, nil
	}
	r.repo.ReferrersComplete, r.repo.ManifestsListed = true, true
	for _, m := range listed {
		known := r.repo.Manifests[m.Digest]
		if known == nil {
			known = &Manifest{Digest: m.Digest}
			r.repo.Manifests[m.Digest] = known
		}
		if known.MediaType == "" {
			known.MediaType, known.Kind = m.MediaType, oci.KindOf(m.MediaType)
		}
		known.Pushed, known.Pulled = latest(known.Pushed, m.Pushed), latest(known.Pulled, m.Pulled)
	}
	slices.SortFunc(listed, func(a, b registry.Manifest) int { return cmp.Compare(a.Digest, b.Digest) })
	return listed, nil
}

// readUntagged reads listed manifests that nothing led to: first what may be
// an index, then images that no index lists.
func (r *reading) readUntagged(listed []registry.Manifest, images bool) {
	if len(listed) == 0 {
		return
	}
	children := r.repo.children()
	tagged := map[oci.Digest]bool{}
	for i := range r.repo.Tags {
		tagged[r.repo.Tags[i].Digest] = true
	}
	for _, m := range listed {
		if tagged[m.Digest] {
			continue
		}
		if (oci.KindOf(m.MediaType) == oci.KindImage) != images || images && children[m.Digest] {
			continue
		}
		r.need(m.Digest)
		if r.wish.Config != nil && r.wish.Config("") && !children[m.Digest] {
			r.want(m.Digest)
		}
	}
}

// readSubjects looks whether what attachments belong to is there.
func (r *reading) readSubjects() {
	if !r.wish.Orphans {
		return
	}
	children := r.repo.children()
	subjects := func(subject oci.Digest) {
		if subject != "" && !children[subject] {
			r.needs(subject, r.s.opts.Recall != nil)
		}
	}
	for i := range r.repo.Tags {
		if subject, ok := r.repo.AttachmentOf(&r.repo.Tags[i]); ok {
			subjects(subject)
		}
	}
	for _, m := range r.repo.Manifests {
		subjects(m.Subject)
	}
}

// children are the manifests that some index lists.
func (r *Repository) children() map[oci.Digest]bool {
	children := map[oci.Digest]bool{}
	for _, m := range r.Manifests {
		for _, child := range m.Children {
			children[child.Digest] = true
		}
	}
	return children
}

// lookAgain lists the tags once more when some were listed and then not found.
// What is gone by now was deleted meanwhile; what is still listed is asked for
// once more.
func (r *reading) lookAgain(ctx context.Context) error {
	if len(r.vanished) == 0 || r.stopped {
		return nil
	}
	vanished := map[string]bool{}
	for _, i := range r.vanished {
		vanished[r.repo.Tags[i].Name] = true
	}
	r.vanished = nil
	listed, _, err := r.s.list(ctx, r.jobs, r.repo.Name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.fail("tags", err)
		return nil
	}
	fresh := map[string]Tag{}
	for _, tag := range listed {
		fresh[tag.Name] = newTag(tag)
	}
	var tags []Tag
	for _, tag := range r.repo.Tags {
		if !vanished[tag.Name] {
			tags = append(tags, tag)
			delete(fresh, tag.Name)
		}
	}
	for _, tag := range fresh {
		tag.Digest = "" // a digest from a listing has just proved stale
		tags = append(tags, tag)
	}
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Name, b.Name) })
	r.repo.Tags, r.recalled = tags, nil // which knew the tags by their old places
	for i := range tags {
		if _, ask := fresh[tags[i].Name]; ask {
			r.resolve(i)
		}
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	for _, i := range r.vanished {
		tag := &r.repo.Tags[i]
		tag.Digest, tag.Problem = "", "listed, but its manifest is not there"
		r.gap("manifest", "tag %s changed while reading: it is listed, but its manifest is not there", tag.Name)
	}
	r.vanished = nil
	return nil
}

// firstSeen fills Tag.Seen.
func (s *Scanner) firstSeen(ctx context.Context, repo *Repository) error {
	if s.opts.FirstSeen == nil || len(repo.Gaps) > 0 {
		return nil
	}
	seen, err := s.opts.FirstSeen.FirstSeen(ctx, repo.Name, repo.Tags)
	if err != nil {
		return fmt.Errorf("first seen times of %s/%s: %w", repo.Registry, repo.Name, err)
	}
	for i := range repo.Tags {
		repo.Tags[i].Seen = seen[repo.Tags[i].Name]
	}
	return nil
}
