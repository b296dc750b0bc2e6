package app

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// briefRepository is a repository of an inventory written by hand.
type briefRepository struct {
	name string
	tags []briefTag
}

// briefTag is one tag, or an untagged image where the name begins with @.
type briefTag struct {
	name, digest            string
	age                     *policy.Duration
	created, pushed, pulled time.Time
	labels                  map[string]string
	bytes                   int64 // 0: not known
}

// image is the digest that stands for what was written: the word of an image
// that several tags share, or that has none, or else the tag itself.
func (t *briefTag) image(repository string) oci.Digest {
	switch word, untagged := t.untagged(); {
	case untagged:
		return wordDigest(word)
	case t.digest != "":
		return wordDigest(t.digest)
	}
	return oci.FromBytes([]byte("tag " + repository + ":" + t.name))
}

// wordDigest is the digest that a word of a case stands for.
func wordDigest(word string) oci.Digest { return oci.FromBytes([]byte("digest " + word)) }

// stockOf makes the inventory of a case. One that was written by hand goes
// through the format of saved ones, so that both are read alike.
func (c *policyCase) stockOf(ctx context.Context) (*stock, error) {
	if c.saved != "" {
		return loadStock(ctx, c.saved, c.policy)
	}
	repositories := func(yield func(*inventory.Repository, error) bool) {
		for i := range c.brief {
			if !yield(c.brief[i].inventory(c.now), nil) {
				return
			}
		}
	}
	var text bytes.Buffer
	err := inventory.Save(&text, registry.Info{Name: briefRegistry}, c.now, repositories, func() []inventory.Gap { return nil })
	if err != nil {
		return nil, err
	}
	return readStock(ctx, &text, c.policy)
}

const briefRegistry = "case"

// inventory is the repository as if it had been read: every tag is an image of
// its own unless digest: says otherwise. An image was built before any of its
// tags was pushed, so of several ages the greatest is that of the build.
func (r *briefRepository) inventory(now time.Time) *inventory.Repository {
	repo := &inventory.Repository{
		Registry: briefRegistry, Name: r.name, Depth: inventory.Graph, ReferrersComplete: true,
		Manifests: map[oci.Digest]*inventory.Manifest{},
	}
	stated := map[oci.Digest]bool{} // images of which created is written
	for _, t := range r.tags {
		digest := t.image(r.name)
		m := repo.Manifests[digest]
		if m == nil {
			m = &inventory.Manifest{Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json", Kind: oci.KindImage, Read: true}
			repo.Manifests[digest] = m
		}
		if t.age != nil {
			at := t.age.Before(now)
			if t.pushed.IsZero() {
				t.pushed = at
			}
			if !stated[digest] && (m.Created.IsZero() || at.Before(m.Created)) {
				m.Created = at
			}
		}
		if !t.created.IsZero() {
			m.Created, stated[digest] = t.created, true
		}
		if t.labels != nil {
			m.Labels = t.labels
		}
		m.Bytes = max(m.Bytes, t.bytes)
		repo.PullsRecorded = repo.PullsRecorded || !t.pulled.IsZero()
		if _, untagged := t.untagged(); untagged {
			m.Pushed, m.Pulled = t.pushed, t.pulled
			continue
		}
		repo.Tags = append(repo.Tags, inventory.Tag{Name: t.name, Digest: digest, Pushed: t.pushed, Pulled: t.pulled})
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return cmp.Compare(a.Name, b.Name) })
	return repo
}
