package apply

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

const (
	// fresh is how long a look stands, and a tag listing before it is read again for
	// new names: four times as long as it took to be read where that is longer, so
	// that there is time for something else.
	fresh, listingStands = 15 * time.Second, 4
	// seldom is how many times as long as the looks at all tags take they are not
	// looked at again: so that takes a tenth of the time at most.
	seldom = 9
	// listedAhead is how many tags may be listed and not yet looked at.
	listedAhead = 4096
)

// prepare reads the repository as it is now, guards what anything that stays
// leads to, and finds out what can be done here. An error refuses every step.
func (r *repository) prepare(ctx context.Context, open []plan.Step) error {
	if err := r.survey(ctx, open); err != nil {
		return err
	}
	stay := r.staying(open)
	if err := r.readLists(ctx, stay); err != nil {
		return err
	}
	r.stay = slices.Sorted(maps.Keys(stay))
	for _, name := range r.stay {
		if err := r.guardTag(ctx, name, stay[name]); err != nil {
			return err
		}
	}
	for _, s := range r.steps {
		if earlier, final := r.state.Final(s.Seq); final && !earlier.Status.Succeeded() {
			r.guardStep(ctx, s, earlier.Status)
		}
	}
	if err := r.keepBaseline(ctx, stay); err != nil {
		return err
	}
	if err := r.learn(ctx, open); err != nil {
		return err
	}
	return r.archiveEarly(ctx, open)
}

// survey lists the tags again and resolves every one of them, while the rest of
// the list is on its way, and every tag that a step names.
func (r *repository) survey(ctx context.Context, open []plan.Step) error {
	began := r.Now()
	group, within := errgroup.WithContext(ctx)
	names := make(chan string, listedAhead)
	listed := map[string]bool{}
	group.Go(func() error {
		defer close(names)
		return r.namesOf(within, open, listed, names)
	})
	var tags map[string]oci.Descriptor
	group.Go(func() (err error) {
		tags, err = r.resolve(within, names)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for name := range tags {
		if !listed[name] {
			return fmt.Errorf("the tag listing lacks %q, which is there: what else it lacks is not known", name)
		}
		delete(listed, name)
	}
	r.tags, r.bare, r.surveyed = tags, listed, began
	r.noteLooks(began)
	return nil
}

// noteLooks notes how long the looks at all tags took that began then.
func (r *repository) noteLooks(began time.Time) {
	r.lookedAt = r.Now()
	r.lookTook = r.lookedAt.Sub(began)
}

// namesOf sends each tag that is listed, once, and notes it, and then those that
// only a step names.
func (r *repository) namesOf(ctx context.Context, open []plan.Step, listed map[string]bool, names chan<- string) error {
	for name, err := range r.listing(ctx) {
		if err == nil && !listed[name] {
			listed[name] = true
			err = send(ctx, names, name)
		}
		if err != nil {
			return err
		}
	}
	only := map[string]bool{}
	for _, s := range open {
		for _, name := range append(slices.Clone(s.Takes), s.Tag) {
			if name == "" || listed[name] || only[name] {
				continue
			}
			only[name] = true
			if err := send(ctx, names, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func send(ctx context.Context, to chan<- string, name string) error {
	select {
	case to <- name:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listing yields the names of the tags as they are listed. A repository that is
// not there has none; an error ends it.
func (r *repository) listing(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		any := false
		for tag, err := range r.reader.Tags(ctx, r.name) {
			switch {
			case errors.Is(err, registry.ErrNotFound) && !any:
				return
			case err != nil:
				yield("", fmt.Errorf("the tags could not be listed again: %w", err))
				return
			case !yield(tag.Name, nil):
				return
			}
			any = true
		}
	}
}

// listTags lists the tags by name.
func (r *repository) listTags(ctx context.Context) (names []string, err error) {
	for name, err := range r.listing(ctx) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// resolve looks at tags as they come, several at once, until there are no more.
// What is not there is left out.
func (r *repository) resolve(ctx context.Context, names <-chan string) (map[string]oci.Descriptor, error) {
	tags := map[string]oci.Descriptor{}
	var mu sync.Mutex
	looking, ctx := r.hand.looks.Group(ctx)
	for name := range names {
		looking.Do(func() error {
			found, err := r.reader.Head(ctx, r.name, name)
			if errors.Is(err, registry.ErrNotFound) {
				return nil
			}
			if err == nil && found.Digest == "" {
				err = errors.New("the registry named no digest")
			}
			if err != nil {
				return fmt.Errorf("tag %q could not be resolved: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			tags[name] = found
			return nil
		})
	}
	return tags, looking.Wait()
}

// readLists reads what the indexes behind tags list, at any depth, side by side.
// What fails here would fail again where it is asked for one by one.
func (r *repository) readLists(ctx context.Context, stay map[string]oci.Descriptor) error {
	if !r.mayRead() {
		return nil
	}
	tops := map[oci.Digest]string{}
	for name, at := range stay {
		if oci.KindOf(at.MediaType) != oci.KindImage && !r.foreseen(name, at.Digest) {
			tops[at.Digest] = max(tops[at.Digest], name)
		}
	}
	digests := slices.Sorted(maps.Keys(tops))
	return r.each(ctx, len(digests), func(ctx context.Context, i int) error {
		tag := tops[digests[i]]
		for queue := []oci.Descriptor{stay[tag]}; len(queue) > 0; queue = queue[1:] {
			via := ""
			if queue[0].Digest == digests[i] {
				via = tag
			}
			children, err := r.children(ctx, queue[0], via, true)
			if err != nil {
				return fmt.Errorf("what tag %q leads to is not known: %w", tag, err)
			}
			queue = append(queue, children...)
		}
		return nil
	})
}

// each runs f, which only looks, for 0 to n-1, side by side.
func (r *repository) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	return r.hand.looks.Each(ctx, n, f)
}

// staying are the tags that no step takes away as they are now: also those
// that moved since the plan was made, and those of steps that have an outcome.
func (r *repository) staying(open []plan.Step) map[string]oci.Descriptor {
	stay := maps.Clone(r.tags)
	for _, s := range open {
		for _, name := range append(slices.Clone(s.Takes), s.Tag) {
			at := r.tags[name].Digest
			if at == s.Digest || s.Action == plan.OverwriteTag && at == r.placeholder(s).Digest {
				delete(stay, name)
			}
		}
	}
	return stay
}

// refresh looks for tags that appeared since the listing, once it is no longer
// fresh, and guards what they lead to; seldom also for tags that moved. Steps that
// come meanwhile wait for it: none acts on a listing that does not stand any more.
// Steps that wait for a listing are settled by the way.
func (r *repository) refresh(ctx context.Context) error {
	waiting, names, err := r.listAgain(ctx)
	if err != nil {
		return err
	}
	return r.settle(ctx, waiting, names, nil)
}

// listAgain returns the listing with the steps that waited before it began. Where
// it fails they wait on.
func (r *repository) listAgain(ctx context.Context) (waiting []*attempt, names []string, err error) {
	r.relisting.Lock()
	defer r.relisting.Unlock()
	now := r.Now()
	if now.Sub(r.surveyed) < max(fresh, listingStands*r.listTook) {
		return nil, nil, nil
	}
	waiting = r.along.take()
	if names, err = r.guardNew(ctx); err == nil {
		r.listTook = r.Now().Sub(now)
		err = r.guardMoved(ctx)
	}
	if err != nil {
		r.along.leave(waiting...)
		return nil, nil, err
	}
	r.surveyed = now
	return waiting, names, nil
}

// guardNew lists the tags and guards what those lead to that were not known.
func (r *repository) guardNew(ctx context.Context) (names []string, err error) {
	if names, err = r.listTags(ctx); err != nil {
		return nil, err
	}
	slices.Sort(names)
	names = slices.Compact(names)
	appeared, err := r.resolveAll(ctx, slices.DeleteFunc(slices.Clone(names), r.knows))
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(appeared)) {
		if err := r.guardTag(ctx, name, appeared[name]); err != nil {
			return nil, err
		}
		r.appeared(name, appeared[name])
	}
	return names, nil
}

// guardMoved looks at all tags again and guards what those lead to that somebody
// has moved: to an image that is to go, perhaps.
func (r *repository) guardMoved(ctx context.Context) error {
	began := r.Now()
	if began.Sub(r.lookedAt) < seldom*r.lookTook {
		return nil
	}
	before := r.seenTags()
	now, err := r.resolveAll(ctx, slices.Sorted(maps.Keys(before)))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if before[name].Digest == now[name].Digest {
			continue
		}
		if err := r.guardTag(ctx, name, now[name]); err != nil {
			return err
		}
		r.appeared(name, now[name])
	}
	r.noteLooks(began)
	return nil
}

// resolveAll is resolve for names that are known.
func (r *repository) resolveAll(ctx context.Context, names []string) (map[string]oci.Descriptor, error) {
	looking := make(chan string, len(names))
	for _, name := range names {
		looking <- name
	}
	close(looking)
	return r.resolve(ctx, looking)
}
