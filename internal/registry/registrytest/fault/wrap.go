package fault

import (
	"context"
	"io"
	"iter"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
)

// Reader wraps a reader. The result has the optional interfaces of what it
// wraps, with faults; Referrers and Describe are ErrUnsupported where there
// are none.
func (s *Script) Reader(inner registry.Reader) registry.Reader {
	r := reader{s, inner}
	if lister, ok := registry.As[registry.ManifestLister](inner); ok {
		return listingReader{r, lister}
	}
	return r
}

// Mutator wraps a mutator.
func (s *Script) Mutator(inner mutate.Mutator) mutate.Mutator { return mutator{s, inner} }

type reader struct {
	script *Script
	inner  registry.Reader
}

type listingReader struct {
	reader
	lister registry.ManifestLister
}

// listing yields what list yields, as far as the script lets it.
func listing[T any](ctx context.Context, s *Script, op call.Op, repository, reference string, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		f, hit, err := s.match(op, repository, reference)
		if err != nil {
			yield(none, err)
			return
		}
		if hit && f.Kind != Truncate && f.Kind != Shorten {
			switch f.Kind {
			case Refuse:
				err = f.err()
			case Hang:
				<-ctx.Done()
				err = ctx.Err()
			case CrashBefore:
				err = s.crash()
			default:
				err = f.impossible()
			}
			yield(none, err)
			return
		}
		count := 0
		for element, err := range list {
			if hit && count == f.After && err == nil {
				break
			}
			count++
			if !yield(element, err) {
				return
			}
		}
		if hit && f.Kind == Truncate {
			yield(none, f.err())
		}
	}
}

func (r reader) Repositories(ctx context.Context) iter.Seq2[string, error] {
	return listing(ctx, r.script, call.Repositories, "", "", r.inner.Repositories(ctx))
}

func (r reader) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		r.script.look()
		listing(ctx, r.script, call.Tags, repository, "", r.inner.Tags(ctx, repository))(yield)
	}
}

func (r reader) Head(ctx context.Context, repository, reference string) (found oci.Descriptor, err error) {
	r.script.look()
	err = r.script.do(ctx, call.Head, repository, reference, func(ctx context.Context) error {
		found, err = r.inner.Head(ctx, repository, reference)
		return err
	})
	if err != nil {
		return oci.Descriptor{}, err
	}
	return found, nil
}

func (r reader) Manifest(ctx context.Context, repository, reference string) (found oci.RawManifest, err error) {
	r.script.look()
	err = r.script.do(ctx, call.Manifest, repository, reference, func(ctx context.Context) error {
		found, err = r.inner.Manifest(ctx, repository, reference)
		return err
	})
	if err != nil {
		return oci.RawManifest{}, err
	}
	return found, nil
}

func (r reader) Blob(ctx context.Context, repository string, digest oci.Digest) (found registry.Blob, err error) {
	err = r.script.do(ctx, call.Blob, repository, string(digest), func(ctx context.Context) error {
		found, err = r.inner.Blob(ctx, repository, digest)
		return err
	})
	if err != nil && found != nil {
		found.Close()
		found = nil
	}
	return found, err
}

func (r reader) Referrers(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error] {
	inner, ok := registry.As[registry.ReferrerLister](r.inner)
	if !ok {
		return func(yield func(oci.Descriptor, error) bool) {
			yield(oci.Descriptor{}, &registry.Error{Kind: registry.ErrUnsupported, Op: string(call.Referrers)})
		}
	}
	return listing(ctx, r.script, call.Referrers, repository, string(subject), inner.Referrers(ctx, repository, subject))
}

func (r reader) Describe(ctx context.Context) (info registry.Info, err error) {
	inner, ok := registry.As[registry.Describer](r.inner)
	if !ok {
		return info, &registry.Error{Kind: registry.ErrUnsupported, Op: string(call.Describe)}
	}
	err = r.script.do(ctx, call.Describe, "", "", func(ctx context.Context) error {
		info, err = inner.Describe(ctx)
		return err
	})
	return info, err
}

func (r listingReader) Manifests(ctx context.Context, repository string) iter.Seq2[registry.Manifest, error] {
	return listing(ctx, r.script, call.Manifests, repository, "", r.lister.Manifests(ctx, repository))
}

type mutator struct {
	script *Script
	inner  mutate.Mutator
}

func (m mutator) Probe(ctx context.Context, repository string) (found registry.Capabilities, err error) {
	err = m.script.do(ctx, call.Probe, repository, "", func(ctx context.Context) error {
		found, err = m.inner.Probe(ctx, repository)
		return err
	})
	return found, err
}

func (m mutator) Untag(ctx context.Context, tag mutate.Tag) error {
	return m.script.do(ctx, call.Untag, tag.Repository, tag.Name, func(ctx context.Context) error {
		return m.inner.Untag(ctx, tag)
	})
}

func (m mutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	return m.script.do(ctx, call.DeleteManifest, repository, string(digest), func(ctx context.Context) error {
		return m.inner.DeleteManifest(ctx, repository, digest)
	})
}

func (m mutator) PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error {
	return m.script.do(ctx, call.PutManifest, repository, reference, func(ctx context.Context) error {
		return m.inner.PutManifest(ctx, repository, reference, manifest)
	})
}

func (m mutator) PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error {
	return m.script.do(ctx, call.PutBlob, repository, string(digest), func(ctx context.Context) error {
		return m.inner.PutBlob(ctx, repository, digest, size, content)
	})
}
