package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// fresh is how long a tag listing stands before it is read again for new names.
const fresh = 15 * time.Second

// prepare reads the repository as it is now, guards what anything that stays
// leads to, and finds out what can be done here. An error refuses every step.
func (r *repository) prepare(ctx context.Context, open []plan.Step) error {
	if err := r.survey(ctx, open); err != nil {
		return err
	}
	stay := r.staying(open)
	for _, name := range slices.Sorted(maps.Keys(stay)) {
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
	return r.archiveAttachments(ctx, open)
}

// survey lists the tags again and resolves every one of them, and every tag
// that a step names.
func (r *repository) survey(ctx context.Context, open []plan.Step) error {
	names, err := r.list(ctx)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("the tags could not be listed again: %w", err)
	}
	listed := map[string]bool{}
	for _, name := range names {
		listed[name] = true
	}
	for _, s := range open {
		for _, name := range append(slices.Clone(s.Takes), s.Tag) {
			if name != "" && !listed[name] {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	tags, err := r.resolve(ctx, slices.Compact(names))
	if err != nil {
		return err
	}
	for name := range tags {
		if !listed[name] {
			return fmt.Errorf("the tag listing lacks %q, which is there: what else it lacks is not known", name)
		}
	}
	r.tags, r.surveyed = tags, r.Now()
	return nil
}

func (r *repository) list(ctx context.Context) ([]string, error) {
	var names []string
	for tag, err := range r.reader.Tags(ctx, r.name) {
		if err != nil {
			return nil, err
		}
		names = append(names, tag.Name)
	}
	return names, nil
}

// resolve looks at tags, several at once. What is not there is left out.
func (r *repository) resolve(ctx context.Context, names []string) (map[string]oci.Descriptor, error) {
	tags := make(map[string]oci.Descriptor, len(names))
	var mu sync.Mutex
	err := r.each(ctx, len(names), func(ctx context.Context, i int) error {
		found, err := r.reader.Head(ctx, r.name, names[i])
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		if err == nil && found.Digest == "" {
			err = errors.New("the registry named no digest")
		}
		if err != nil {
			return fmt.Errorf("tag %q could not be resolved: %w", names[i], err)
		}
		mu.Lock()
		defer mu.Unlock()
		tags[names[i]] = found
		return nil
	})
	return tags, err
}

// each runs f for 0 to n-1, a few at once.
func (r *repository) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Lookups)
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
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
// fresh, and guards what they lead to.
func (r *repository) refresh(ctx context.Context) error {
	now := r.Now()
	if now.Sub(r.surveyed) < fresh {
		return nil
	}
	names, err := r.list(ctx)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("the tags could not be listed again: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, known := r.tags[name]; return known })
	slices.Sort(names)
	appeared, err := r.resolve(ctx, slices.Compact(names))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(appeared)) {
		if err := r.guardTag(ctx, name, appeared[name]); err != nil {
			return err
		}
		r.tags[name] = appeared[name]
	}
	r.surveyed = now
	return nil
}
