package memory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

type mutator struct{ *Registry }

// change runs one write under the lock.
func (m mutator) change(ctx context.Context, op call.Op, repository, reference string, write func(*world.Repository) error) error {
	done, err := m.begin(ctx, op, repository, reference)
	if err != nil {
		return err
	}
	m.mu.Lock()
	err = write(m.world.Repositories[repository])
	m.mu.Unlock()
	if err == nil {
		done()
	}
	return err
}

func (m mutator) Probe(ctx context.Context, repository string) (registry.Capabilities, error) {
	done, err := m.begin(ctx, call.Probe, repository, "")
	if err != nil {
		return registry.Capabilities{}, err
	}
	done()
	return registry.Capabilities{
		TagDelete:    Support(!m.options.NoTagDelete && !m.options.NoDigestDelete),
		DigestDelete: Support(!m.options.NoDigestDelete),
	}, nil
}

func (m mutator) Untag(ctx context.Context, tag mutate.Tag) error {
	return m.change(ctx, call.Untag, tag.Repository, tag.Name, func(repo *world.Repository) error {
		fail := func(kind error, message string) error {
			return m.fail(kind, call.Untag, tag.Repository, tag.Name, message)
		}
		if m.options.NoTagDelete || m.options.NoDigestDelete {
			return fail(registry.ErrUnsupported, "tags cannot be deleted")
		}
		if repo == nil || repo.Tags[tag.Name] == "" {
			return fail(registry.ErrNotFound, "tag unknown")
		}
		if slices.Contains(m.options.Locked, tag.Name) {
			return fail(registry.ErrLocked, "the tag is immutable")
		}
		if m.options.Components && tag.Handle != handle(repo, tag.Name) {
			return fail(registry.ErrChanged, "the component is another one")
		}
		m.untag(repo, tag.Name)
		return nil
	})
}

func (m mutator) untag(repo *world.Repository, tag string) {
	delete(repo.Tags, tag)
	delete(repo.Pushed, tag)
	delete(repo.Pulled, tag)
}

func (m mutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	return m.change(ctx, call.DeleteManifest, repository, string(digest), func(repo *world.Repository) error {
		fail := func(kind error, message string) error {
			return m.fail(kind, call.DeleteManifest, repository, string(digest), message)
		}
		if m.options.NoDigestDelete {
			return fail(registry.ErrUnsupported, "deletion is off")
		}
		if repo == nil || repo.Manifests[digest] == nil {
			return fail(registry.ErrNotFound, "manifest unknown")
		}
		for _, tag := range m.options.Locked {
			if repo.Tags[tag] == digest {
				return fail(registry.ErrLocked, "an immutable tag points at it")
			}
		}
		if m.options.LocksChildren && listed(repo, digest) {
			return fail(registry.ErrLocked, "an index lists it")
		}
		m.remove(repo, digest)
		return nil
	})
}

func listed(repo *world.Repository, digest oci.Digest) bool {
	for _, m := range repo.Manifests {
		if slices.ContainsFunc(m.Children, func(c world.Child) bool { return c.Digest == digest }) {
			return true
		}
	}
	return false
}

func (m mutator) remove(repo *world.Repository, digest oci.Digest) {
	gone := repo.Manifests[digest]
	delete(repo.Manifests, digest)
	delete(repo.Pushed, string(digest))
	delete(repo.Pulled, string(digest))
	if m.options.KeepsTags {
		if m.shadow[repo.Name] == nil {
			m.shadow[repo.Name] = map[oci.Digest]*world.Manifest{}
		}
		m.shadow[repo.Name][digest] = gone
	} else {
		for tag, at := range repo.Tags {
			if at == digest {
				m.untag(repo, tag)
			}
		}
	}
	if m.options.Cascade {
		for _, referrer := range m.referrers(repo.Name, digest) {
			m.remove(repo, referrer.Digest)
		}
	}
}

func (m mutator) PutManifest(ctx context.Context, repository, reference string, raw oci.RawManifest) error {
	return m.change(ctx, call.PutManifest, repository, reference, func(*world.Repository) error {
		fail := func(message string) error {
			return m.fail(registry.ErrMalformed, call.PutManifest, repository, reference, message)
		}
		put := world.Parse(raw.MediaType, bytes.Clone(raw.Body))
		_, notDigest := oci.ParseDigest(reference)
		if notDigest == nil && oci.Digest(reference) != put.Digest {
			return fail("the digest is that of other bytes")
		}
		for _, blob := range append([]oci.Digest{put.Config}, put.Layers...) {
			if blob != "" && !m.linked[repository][blob] {
				return fail("blob " + string(blob) + " is not here")
			}
		}
		for _, child := range put.Children {
			if _, err := m.find(call.PutManifest, repository, string(child.Digest)); err != nil {
				return fail("manifest " + string(child.Digest) + " is not here")
			}
		}
		repo := m.world.Repository(repository)
		now := m.options.Clock()
		repo.Manifests[put.Digest] = put
		repo.Pushed[string(put.Digest)] = now
		if notDigest != nil {
			repo.Tag(reference, put)
			repo.Pushed[reference] = now
		}
		return nil
	})
}

func (m mutator) PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error {
	body, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return m.change(ctx, call.PutBlob, repository, string(digest), func(*world.Repository) error {
		mismatch := digest.Verify(body)
		if size >= 0 && size != int64(len(body)) {
			mismatch = errors.New("the size is another one")
		}
		if mismatch != nil {
			return m.fail(registry.ErrMalformed, call.PutBlob, repository, string(digest), mismatch.Error())
		}
		m.world.Repository(repository)
		m.world.Blobs[digest] = body
		if m.linked[repository] == nil {
			m.linked[repository] = map[oci.Digest]bool{}
		}
		m.linked[repository][digest] = true
		return nil
	})
}
