package memory

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

type reader struct{ *Registry }

// listingReader can list manifests too.
type listingReader struct{ reader }

var (
	_ registry.Reader         = reader{}
	_ registry.ReferrerLister = reader{}
	_ registry.Describer      = reader{}
	_ registry.ManifestLister = listingReader{}
)

// sequence turns a listing into elements that end with an error when the
// context is cancelled between them.
func sequence[T any](ctx context.Context, r *Registry, op call.Op, repository, reference string, list func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		done, err := r.begin(ctx, op, repository, reference)
		if err != nil {
			yield(none, err)
			return
		}
		r.mu.Lock()
		elements, err := list()
		r.mu.Unlock()
		if err != nil {
			yield(none, err)
			return
		}
		for _, element := range elements {
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if !yield(element, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(none, err)
			return
		}
		done()
	}
}

// scattered is an order that is the same on every run and that nobody should
// rely on.
func scattered(names []string) []string {
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(oci.FromBytes([]byte(a)), oci.FromBytes([]byte(b))), strings.Compare(a, b))
	})
	return names
}

func (r reader) Repositories(ctx context.Context) iter.Seq2[string, error] {
	return sequence(ctx, r.Registry, call.Repositories, "", "", func() ([]string, error) {
		if r.options.NoCatalog {
			return nil, r.fail(registry.ErrUnsupported, call.Repositories, "", "", "no catalog")
		}
		return scattered(slices.Collect(maps.Keys(r.world.Repositories))), nil
	})
}

func (r reader) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return sequence(ctx, r.Registry, call.Tags, repository, "", func() ([]registry.Tag, error) {
		repo := r.world.Repositories[repository]
		if repo == nil && r.options.VagueTags {
			return nil, nil
		}
		if repo == nil {
			return nil, r.fail(registry.ErrNotFound, call.Tags, repository, "", "repository name not known")
		}
		var tags []registry.Tag
		for _, name := range scattered(slices.Collect(maps.Keys(repo.Tags))) {
			tags = append(tags, r.tag(repo, name))
		}
		return tags, nil
	})
}

func (r reader) tag(repo *world.Repository, name string) registry.Tag {
	tag := registry.Tag{Name: name}
	digest := repo.Tags[name]
	if r.options.Rich {
		tag.Digest = digest
		if m := repo.Manifests[digest]; m != nil {
			tag.MediaType = m.MediaType
		}
	}
	if r.options.PushTimes {
		tag.Pushed = repo.Pushed[name]
	}
	if r.options.PullTimes {
		tag.Pulled = later(repo.Pulled[name], repo.Pulled[string(digest)])
	}
	if r.options.Components {
		tag.Handle = handle(repo, name)
	}
	return tag
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// handle changes whenever the tag is pushed.
func handle(repo *world.Repository, name string) string {
	return "component of " + name + " at " + string(repo.Tags[name]) + repo.Pushed[name].Format(time.RFC3339Nano)
}

// find resolves a tag or digest. The caller holds the lock.
func (r *Registry) find(op call.Op, repository, reference string) (*world.Manifest, error) {
	repo := r.world.Repositories[repository]
	if repo == nil {
		return nil, r.fail(registry.ErrNotFound, op, repository, reference, "repository name not known")
	}
	digest, tagged := repo.Tags[reference]
	if !tagged {
		digest = oci.Digest(reference)
	}
	m := repo.Manifests[digest]
	if m == nil && tagged {
		m = r.shadow[repository][digest]
	}
	if m == nil {
		return nil, r.fail(registry.ErrNotFound, op, repository, reference, "manifest unknown")
	}
	return m, nil
}

func (r reader) Head(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
	done, err := r.begin(ctx, call.Head, repository, reference)
	if err != nil {
		return oci.Descriptor{}, err
	}
	r.mu.Lock()
	m, err := r.find(call.Head, repository, reference)
	r.mu.Unlock()
	if err != nil {
		return oci.Descriptor{}, err
	}
	done()
	return oci.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Body))}, nil
}

func (r reader) Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
	done, err := r.begin(ctx, call.Manifest, repository, reference)
	if err != nil {
		return oci.RawManifest{}, err
	}
	r.mu.Lock()
	m, err := r.find(call.Manifest, repository, reference)
	if err == nil && r.options.CountPulls {
		r.world.Repositories[repository].Pulled[reference] = r.options.Clock()
	}
	r.mu.Unlock()
	if err != nil {
		return oci.RawManifest{}, err
	}
	done()
	raw := m.RawManifest
	raw.Body = bytes.Clone(raw.Body)
	return raw, nil
}

// blob is an open blob that ends with the context.
type blob struct {
	*bytes.Reader
	ctx context.Context
}

func (b blob) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b blob) Close() error { return nil }

func (r reader) Blob(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error) {
	done, err := r.begin(ctx, call.Blob, repository, string(digest))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	content, here := r.world.Blobs[digest]
	here = here && r.linked[repository][digest]
	r.mu.Unlock()
	if !here {
		return nil, r.fail(registry.ErrNotFound, call.Blob, repository, string(digest), "blob unknown")
	}
	done()
	return blob{bytes.NewReader(content), ctx}, nil
}

// referrers of one subject, or of all when subject is "", by digest. The
// caller holds the lock.
func (r *Registry) referrers(repository string, subject oci.Digest) []*world.Manifest {
	var found []*world.Manifest
	if repo := r.world.Repositories[repository]; repo != nil {
		for _, m := range repo.Manifests {
			if m.Subject != "" && (subject == "" || m.Subject == subject) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b *world.Manifest) int { return cmp.Compare(a.Digest, b.Digest) })
	return found
}

func (r reader) Referrers(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error] {
	return sequence(ctx, r.Registry, call.Referrers, repository, string(subject), func() ([]oci.Descriptor, error) {
		if r.options.NoReferrers {
			return nil, r.fail(registry.ErrUnsupported, call.Referrers, repository, string(subject), "no referrers API")
		}
		var found []oci.Descriptor
		for _, m := range r.referrers(repository, subject) {
			found = append(found, oci.Descriptor{
				MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Body)),
				ArtifactType: m.ArtifactType, Annotations: m.Annotations,
			})
		}
		return found, nil
	})
}

func (r listingReader) Manifests(ctx context.Context, repository string) iter.Seq2[registry.Manifest, error] {
	return sequence(ctx, r.Registry, call.Manifests, repository, "", func() ([]registry.Manifest, error) {
		repo := r.world.Repositories[repository]
		if repo == nil {
			return nil, r.fail(registry.ErrNotFound, call.Manifests, repository, "", "repository name not known")
		}
		var found []registry.Manifest
		for _, m := range repo.Manifests {
			entry := registry.Manifest{Digest: m.Digest, MediaType: m.MediaType}
			if r.options.PushTimes {
				entry.Pushed = repo.Pushed[string(m.Digest)]
			}
			if r.options.PullTimes {
				entry.Pulled = repo.Pulled[string(m.Digest)]
			}
			found = append(found, entry)
		}
		slices.SortFunc(found, func(a, b registry.Manifest) int { return cmp.Compare(a.Digest, b.Digest) })
		return found, nil
	})
}

func (r reader) Describe(ctx context.Context) (registry.Info, error) {
	done, err := r.begin(ctx, call.Describe, "", "")
	if err != nil {
		return registry.Info{}, err
	}
	done()
	name := r.options.Name
	return registry.Info{Name: name, URL: "memory:" + name, Kind: "memory", Capabilities: r.options.capabilities()}, nil
}

func (o Options) capabilities() registry.Capabilities {
	return registry.Capabilities{
		TagDelete: Support(!o.NoTagDelete && !o.NoDigestDelete), DigestDelete: Support(!o.NoDigestDelete),
		Referrers: Support(!o.NoReferrers), Catalog: Support(!o.NoCatalog),
		PushTimes: Support(o.PushTimes), PullTimes: Support(o.PullTimes), Untagged: Support(o.Untagged),
		PullsCounted: Support(o.CountPulls), ComponentDelete: Support(o.Components), CascadeReferrers: Support(o.Cascade),
	}
}

// Support is yes or no.
func Support(yes bool) registry.Support {
	if yes {
		return registry.SupportYes
	}
	return registry.SupportNo
}
