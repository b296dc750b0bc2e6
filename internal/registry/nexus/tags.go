package nexus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// A listing that Tags made by itself serves all images of its Nexus repository
// for this long, or for as long as it took to make if that is longer. So the
// images of one pass share a listing, and none is served a stale one.
const freshFor = 30 * time.Second

// Tags lists the tags of an image. An image is served once from one listing:
// asking again for the same image makes a new one.
func (r *Registry) Tags(ctx context.Context, name string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		tags, err := r.tags(ctx, name)
		for _, tag := range tags {
			if !yield(tag, nil) {
				return
			}
		}
		if err != nil {
			yield(registry.Tag{}, err)
		}
	}
}

func (r *Registry) tags(ctx context.Context, name string) ([]registry.Tag, error) {
	repo, image, err := r.open(ctx, "list tags", name)
	if err != nil {
		return nil, err
	}
	if err := repo.enter(ctx); err != nil {
		return nil, err
	}
	defer repo.leave()
	if !repo.serves(image) {
		if err := r.relist(ctx, repo); err != nil {
			return nil, err
		}
	} else if repo.current.images[image] == nil {
		if err := r.client.follow(ctx, repo); err != nil {
			return nil, err
		}
	}
	img := repo.current.images[image]
	if img == nil {
		return nil, r.client.fail(call{op: "list tags", repository: name}, registry.ErrNotFound, "",
			fmt.Errorf("repository %q has no image %q", repo.Name, image))
	}
	if err := r.readUsage(ctx, repo); err != nil {
		return nil, err
	}
	tags := make([]registry.Tag, 0, len(img.entries))
	for i := range img.entries {
		e := &img.entries[i]
		tags = append(tags, registry.Tag{
			Name: e.tag, Digest: e.digest, MediaType: e.mediaType, Pushed: e.pushed, Created: e.created,
			Pulled: repo.usage.lastUse(e), Handle: e.handle(), Problem: e.problem,
		})
	}
	img.handed, img.entries = true, nil
	return tags, nil
}

// serves says whether the current listing may answer for an image.
func (repo *repository) serves(image string) bool {
	if repo.current == nil {
		return false
	}
	if img := repo.current.images[image]; img != nil && img.handed {
		return false
	}
	return repo.current.scan || repo.current.fresh()
}

func (l *listing) fresh() bool { return time.Since(l.done) < max(freshFor, l.took) }

// relist replaces the listing. A failure stands for a while too, so that a
// hundred images do not each walk into it.
func (r *Registry) relist(ctx context.Context, repo *repository) error {
	if repo.failed != nil && time.Since(repo.at) < freshFor {
		return repo.failed
	}
	l, err := r.client.list(ctx, repo)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	repo.failed, repo.at = err, time.Now()
	if err == nil {
		repo.current = l
	}
	return err
}

// readUsage reads the last downloads, once in a pass.
func (r *Registry) readUsage(ctx context.Context, repo *repository) error {
	if repo.usage != nil {
		return nil
	}
	if repo.failed != nil && time.Since(repo.at) < freshFor {
		return repo.failed
	}
	u, err := r.client.assets(ctx, repo)
	if err == nil {
		repo.usage = u
	} else if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		repo.failed, repo.at = err, time.Now()
	}
	return err
}
