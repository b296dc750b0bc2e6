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
	l := &listing{
		s: s, jobs: jobs, repo: s.named(name), demand: demand, gate: gate, parts: make(chan part),
	}
	if s.opts.Recall != nil {
		l.atHand = s.opts.Recall(ctx, name)
	}
	go l.run(ctx)
	repo := s.named(name)
	repo.Manifests = map[oci.Digest]*Manifest{}
	r := s.reading(jobs, &repo)
	list := r.follow(ctx, l.parts)
	if ctx.Err() != nil || !list.want.Graph {
		r.stopped = true // what was begun was in vain
		if err := r.run(ctx); err != nil {
			return nil, err
		}
		return s.listed(jobs, name, list), nil
	}
	if err := r.place(ctx, list); err != nil {
		return nil, err
	}
	repo.Depth, r.wish = Graph, list.want
	if err := r.graph(ctx); err != nil {
		return nil, err
	}
	return &repo, s.firstSeen(ctx, &repo)
}

// named is a repository of which nothing is known but its name.
func (s *Scanner) named(name string) Repository {
	return Repository{Registry: s.info.Name, Name: name, PullsRecorded: s.info.Capabilities.PullTimes == registry.SupportYes}
}

// listed is a repository of which the tags are known, as far as they could be
// listed, and nothing else.
func (s *Scanner) listed(jobs chan<- func(), name string, list *whole) *Repository {
	repo := s.named(name)
	repo.Tags = newTags(list.listed)
	switch r := s.reading(jobs, &repo); {
	case list.err != nil:
		r.fail("tags", list.err)
	case list.missing:
		r.gap("tags", "there is no repository %s in %s", name, s.info.Name)
	}
	return &repo
}

// graph resolves the tags, other than those that were begun with, and reads what
// they lead to.
func (r *reading) graph(ctx context.Context) error {
	untagged, err := r.untagged(ctx)
	if err != nil {
		return err
	}
	light := r.componentsSuffice()
	for i := range r.repo.Tags {
		if tag := &r.repo.Tags[i]; !r.begun[i] && tag.Digest == "" && (tag.Problem == "" || !light) {
			r.resolve(i)
		}
	}
	for _, tag := range slices.Backward(r.repo.Tags) { // so that the first is asked for first
		switch m := r.repo.Manifests[tag.Digest]; {
		case tag.Digest == "":
			continue
		case !light, r.wish.Indexes && (m == nil || m.Kind != oci.KindImage):
			r.need(tag.Digest)
		}
		r.pointed(&tag)
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
	listed, _, err := r.s.list(ctx, r.jobs, r.repo.Name, nil)
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
		r.gap("manifest", "tag %s changed while reading: it is listed, but its manifest is not there; where that stays so, a deletion was cut off in the registry: push the tag again, or delete it there", tag.Name)
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
