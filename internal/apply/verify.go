package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// keepBaseline writes down what must be there afterwards, unless an earlier
// process of this run did.
func (r *repository) keepBaseline(ctx context.Context, stay map[string]oci.Descriptor) error {
	kept, err := r.Memory.Baseline(ctx, r.id, r.registry, r.name)
	if err != nil {
		return &fatalError{err}
	}
	if kept != nil {
		return nil
	}
	baseline, err := r.baseline(ctx, stay)
	if err != nil {
		return fmt.Errorf("what has to stay could not be read: %w", err)
	}
	if err := r.Memory.KeepBaseline(ctx, r.id, r.registry, r.name, baseline); err != nil {
		return &fatalError{err}
	}
	return nil
}

// baseline is what there is behind tags. What is missing now is not looked
// for later.
func (r *repository) baseline(ctx context.Context, tags map[string]oci.Descriptor) (journal.Baseline, error) {
	b := journal.Baseline{
		Tags: map[string]oci.Digest{}, Holds: map[oci.Digest][]oci.Digest{}, Blobs: map[oci.Digest][]oci.Digest{},
	}
	tops := map[oci.Digest]oci.Descriptor{}
	via := map[oci.Digest]string{}
	for name, at := range tags {
		b.Tags[name], tops[at.Digest], via[at.Digest] = at.Digest, at, name
	}
	if r.Verify == VerifyTags {
		return b, nil
	}
	found := newPresence(r)
	digests := slices.Sorted(maps.Keys(tops))
	var mu sync.Mutex
	err := r.each(ctx, len(digests), func(ctx context.Context, i int) error {
		holds, below, err := r.behind(ctx, tops[digests[i]], via[digests[i]])
		if err != nil {
			return err
		}
		if holds, err = found.manifests(ctx, holds); err != nil {
			return err
		}
		if below, err = found.blobs(ctx, below); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(holds) > 0 {
			b.Holds[digests[i]] = holds
		}
		if len(below) > 0 {
			b.Blobs[digests[i]] = below
		}
		return nil
	})
	return b, err
}

// behind lists the manifests below and attached to a manifest and, at the
// blobs level, the blobs of all of them. Where tags are deleted as components
// no manifest is, and only the blobs level is worth reading manifests for.
func (r *repository) behind(ctx context.Context, top oci.Descriptor, tag string) (holds, needed []oci.Digest, err error) {
	read := !r.components() || r.Verify == VerifyBlobs
	seen := map[oci.Digest]bool{top.Digest: true}
	for queue := []oci.Descriptor{top}; len(queue) > 0; queue = queue[1:] {
		next := queue[0]
		if next.Digest != top.Digest {
			holds = append(holds, next.Digest)
		}
		children, err := r.children(ctx, next, tag, read)
		if err != nil {
			return nil, nil, err
		}
		if next.Digest == top.Digest {
			attached, err := r.referrers(ctx, top.Digest)
			if err != nil {
				return nil, nil, err
			}
			children = append(children, attached...)
		}
		for _, child := range children {
			if !seen[child.Digest] {
				seen[child.Digest] = true
				queue = append(queue, child)
			}
		}
		if r.Verify == VerifyBlobs && oci.KindOf(next.MediaType) == oci.KindImage {
			raw, err := r.fetch(ctx, next.Digest, tag)
			if err != nil && !errors.Is(err, registry.ErrNotFound) {
				return nil, nil, err
			}
			if m, decoded := oci.DecodeManifest(raw.MediaType, raw.Body); err == nil && decoded == nil {
				for _, blob := range m.Stored() {
					needed = append(needed, blob.Digest)
				}
			}
		}
		tag = ""
	}
	return holds, needed, nil
}

// referrers are the attachments that the registry itself knows of; those of
// the tag schemes are tags, and looked at as such.
func (r *repository) referrers(ctx context.Context, subject oci.Digest) ([]oci.Descriptor, error) {
	lister, ok := registry.As[registry.ReferrerLister](r.reader)
	if !ok || r.supports().Referrers != registry.SupportYes {
		return nil, nil
	}
	var attached []oci.Descriptor
	for d, err := range lister.Referrers(ctx, r.name, subject) {
		if err != nil {
			return nil, err
		}
		attached = append(attached, d)
	}
	return attached, nil
}

// verifiedAhead is how many repositories are verified while the first of them is
// waited for.
const verifiedAhead = 16

// verify looks at everything that had to stay in every repository that the run
// touched, and tells what it saw in the order of the plan's repositories and by
// tag.
func (e *executor) verify(ctx context.Context, tell func(Verification)) error {
	group, ctx := errgroup.WithContext(ctx)
	order := make(chan chan []Verification, verifiedAhead)
	group.Go(func() error {
		for seen := range order {
			select {
			case some := <-seen:
				for _, v := range some {
					tell(v)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(order)
		for repo, err := range e.Plan.Repositories() {
			if err != nil {
				return fmt.Errorf("plan %s cannot be read again, so what stays was not looked at: %w", e.header.ID, err)
			}
			if !e.touched[[2]string{repo.Registry, repo.Repository}] {
				continue
			}
			seen := make(chan []Verification, 1)
			select {
			case order <- seen:
			case <-ctx.Done():
				return ctx.Err()
			}
			r := newRepository(e, repo)
			group.Go(func() error {
				some, err := r.verify(ctx)
				if err == nil { // otherwise it says nothing
					seen <- some
				}
				return err
			})
		}
		return nil
	})
	return group.Wait()
}

func (r *repository) verify(ctx context.Context) ([]Verification, error) {
	if r.header.Kind == "remove" {
		return r.verifyKept(ctx)
	}
	return r.verifyRestored(ctx)
}

func (r *repository) verifyKept(ctx context.Context) ([]Verification, error) {
	baseline, err := r.Memory.Baseline(ctx, r.id, r.registry, r.name)
	if err != nil || baseline == nil {
		return nil, err
	}
	return r.compare(ctx, *baseline)
}

// verifyRestored takes what was put back for what has to be there.
func (r *repository) verifyRestored(ctx context.Context) ([]Verification, error) {
	state, err := r.Journal.Between(ctx, r.id, r.steps[0].Seq, r.steps[len(r.steps)-1].Seq)
	if err != nil {
		return nil, err
	}
	var back []plan.Step
	for _, s := range r.steps {
		if s.Action == plan.PutTag && state.Last[s.Seq].Status.Succeeded() {
			back = append(back, s)
		}
	}
	found := newPresence(r)
	return r.look(ctx, len(back), func(ctx context.Context, i int) (tag string, digest oci.Digest, err error) {
		s := back[i]
		want := journal.Baseline{Holds: map[oci.Digest][]oci.Digest{}}
		if want.Holds[s.Digest], _, err = r.behind(ctx, oci.Descriptor{Digest: s.Digest, MediaType: s.MediaType}, ""); err != nil {
			return s.Tag, s.Digest, unseen("what is below it", err)
		}
		return s.Tag, s.Digest, r.whole(ctx, found, want, s.Tag, s.Digest)
	})
}

// compare looks at what a baseline says. A tag that somebody moved meanwhile
// is looked at where it points now.
func (r *repository) compare(ctx context.Context, baseline journal.Baseline) ([]Verification, error) {
	found := newPresence(r)
	names := slices.Sorted(maps.Keys(baseline.Tags))
	return r.look(ctx, len(names), func(ctx context.Context, i int) (string, oci.Digest, error) {
		tag, digest := names[i], baseline.Tags[names[i]]
		return tag, digest, r.whole(ctx, found, baseline, tag, digest)
	})
}

// look looks at n roots side by side, and tells by tag.
func (r *repository) look(ctx context.Context, n int, one func(ctx context.Context, i int) (string, oci.Digest, error)) ([]Verification, error) {
	all := make([]Verification, n)
	err := r.each(ctx, n, func(ctx context.Context, i int) error {
		tag, digest, err := one(ctx, i)
		v := Verification{Registry: r.registry, Repository: r.name, Tag: tag, Digest: digest, OK: err == nil}
		if err != nil {
			v.Error = err.Error()
			v.Unseen = errors.Is(err, errUnseen)
		}
		all[i] = v
		return ctx.Err()
	})
	slices.SortFunc(all, func(a, b Verification) int { return strings.Compare(a.Tag, b.Tag) })
	return all, err
}

// errUnseen is no damage: the registry did not answer what it has.
var errUnseen = errors.New("could not be looked at")

func unseen(what string, err error) error { return fmt.Errorf("%s %w: %w", what, errUnseen, err) }

// whole says what is wrong with one root that had to stay; nil for nothing.
// What is known to be gone goes before what could not be looked at.
func (r *repository) whole(ctx context.Context, found *presence, baseline journal.Baseline, tag string, digest oci.Digest) error {
	at, err := r.head(ctx, tag)
	switch {
	case err != nil:
		return unseen("the tag", err)
	case at.Digest == "":
		return errors.New("the tag is gone")
	}
	holds, needed := baseline.Holds[digest], baseline.Blobs[digest]
	if at.Digest != digest {
		holds, needed = nil, nil
		if r.Verify != VerifyTags {
			if holds, needed, err = r.behind(ctx, at, tag); err != nil {
				return unseen(fmt.Sprintf("the tag moved to %s, which", at.Digest), err)
			}
		}
	}
	var blind error
	for _, part := range []struct {
		kind string
		want []oci.Digest
		look func(context.Context, []oci.Digest) ([]oci.Digest, error)
	}{{"manifest", holds, found.manifests}, {"blob", needed, found.blobs}} {
		for i, want := range part.want {
			there, err := part.look(ctx, part.want[i:i+1])
			switch {
			case err != nil:
				blind = cmp.Or(blind, unseen(fmt.Sprintf("%s %s below or attached to it", part.kind, want), err))
			case len(there) == 0:
				return fmt.Errorf("%s %s below or attached to it is gone", part.kind, want)
			}
		}
	}
	return blind
}
