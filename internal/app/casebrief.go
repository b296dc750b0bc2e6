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
	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/registry"
)

// briefRepository is a repository of an inventory written by hand.
type briefRepository struct {
	name string
	tags []briefTag
}

type briefTag struct {
	name, digest            string
	age                     *policy.Duration
	created, pushed, pulled time.Time
	labels                  map[string]string
}

func (f *caseFile) brief(v *document.Value) []briefRepository {
	var all []briefRepository
	for _, repository := range v.Fields {
		r := briefRepository{name: repository.Key}
		if repository.Value.Kind != document.Map {
			f.problem(repository.Value, "expected tags, found %s", repository.Value.Kind)
		}
		for _, tag := range repository.Value.Fields {
			r.tags = append(r.tags, f.briefTag(tag.Key, tag.Value))
		}
		all = append(all, r)
	}
	return all
}

func (f *caseFile) briefTag(name string, v *document.Value) briefTag {
	t := briefTag{name: name}
	f.fields(v, map[string]func(*document.Value){
		"digest": f.text(&t.digest),
		"age": func(v *document.Value) {
			d, err := policy.ParseDuration(v.Text)
			if err != nil {
				f.problem(v, "age: %v", err)
				return
			}
			t.age = &d
		},
		"created": f.time(&t.created), "pushed": f.time(&t.pushed), "pulled": f.time(&t.pulled),
		"labels": func(v *document.Value) {
			t.labels = map[string]string{}
			for _, field := range v.Fields {
				t.labels[field.Key] = field.Value.Text
			}
		},
	})
	return t
}

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
// its own unless digest: says otherwise.
func (r *briefRepository) inventory(now time.Time) *inventory.Repository {
	repo := &inventory.Repository{
		Registry: briefRegistry, Name: r.name, Depth: inventory.Graph, ReferrersComplete: true,
		Manifests: map[oci.Digest]*inventory.Manifest{},
	}
	for _, t := range r.tags {
		if t.age != nil {
			at := t.age.Before(now)
			if t.created.IsZero() {
				t.created = at
			}
			if t.pushed.IsZero() {
				t.pushed = at
			}
		}
		digest := oci.FromBytes([]byte("tag " + r.name + ":" + t.name))
		if t.digest != "" {
			digest = oci.FromBytes([]byte("digest " + t.digest))
		}
		repo.Tags = append(repo.Tags, inventory.Tag{Name: t.name, Digest: digest, Pushed: t.pushed, Pulled: t.pulled})
		repo.PullsRecorded = repo.PullsRecorded || !t.pulled.IsZero()
		m := repo.Manifests[digest]
		if m == nil {
			m = &inventory.Manifest{Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json", Kind: oci.KindImage, Read: true}
			repo.Manifests[digest] = m
		}
		if t.created.After(m.Created) {
			m.Created = t.created
		}
		if t.labels != nil {
			m.Labels = t.labels
		}
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return cmp.Compare(a.Name, b.Name) })
	return repo
}
