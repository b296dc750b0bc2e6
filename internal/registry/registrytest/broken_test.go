package registrytest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

// breakage is an adapter that does one thing wrong, and the topic that must
// notice.
type breakage struct {
	name    string
	topic   string
	options memory.Options
	reader  func(registry.Reader) registry.Reader
	mutator func(mutate.Mutator, registry.Reader) mutate.Mutator
}

type brokenHarness struct {
	memory.Harness
	breakage breakage
}

func (h brokenHarness) Reader(t registrytest.T) registry.Reader {
	if h.breakage.reader == nil {
		return h.Harness.Reader(t)
	}
	return h.breakage.reader(h.Harness.Reader(t))
}

func (h brokenHarness) Mutator(t registrytest.T) mutate.Mutator {
	if h.breakage.mutator == nil {
		return h.Harness.Mutator(t)
	}
	return h.breakage.mutator(h.Harness.Mutator(t), h.Harness.Reader(t))
}

// brokenReader replaces single methods of a reader.
type brokenReader struct {
	registry.Reader
	registry.ReferrerLister
	registry.Describer
	repositories func(context.Context) iter.Seq2[string, error]
	tags         func(context.Context, string) iter.Seq2[registry.Tag, error]
	head         func(context.Context, string, string) (oci.Descriptor, error)
	manifest     func(context.Context, string, string) (oci.RawManifest, error)
	blob         func(context.Context, string, oci.Digest) (registry.Blob, error)
	referrers    func(context.Context, string, oci.Digest) iter.Seq2[oci.Descriptor, error]
}

func (r brokenReader) Repositories(ctx context.Context) iter.Seq2[string, error] {
	return r.repositories(ctx)
}
func (r brokenReader) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return r.tags(ctx, repository)
}
func (r brokenReader) Head(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
	return r.head(ctx, repository, reference)
}
func (r brokenReader) Manifest(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
	return r.manifest(ctx, repository, reference)
}
func (r brokenReader) Blob(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error) {
	return r.blob(ctx, repository, digest)
}
func (r brokenReader) Referrers(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error] {
	return r.referrers(ctx, repository, subject)
}

// reading breaks a reader by replacing methods of its whole copy.
func reading(change func(*brokenReader)) func(registry.Reader) registry.Reader {
	return func(whole registry.Reader) registry.Reader {
		referrers, describer := whole.(registry.ReferrerLister), whole.(registry.Describer)
		r := brokenReader{
			Reader: whole, ReferrerLister: referrers, Describer: describer,
			repositories: whole.Repositories, tags: whole.Tags, head: whole.Head, manifest: whole.Manifest,
			blob: whole.Blob, referrers: referrers.Referrers,
		}
		change(&r)
		return r
	}
}

func scripted(faults ...fault.Fault) func(registry.Reader) registry.Reader {
	return func(whole registry.Reader) registry.Reader { return fault.New(faults...).Reader(whole) }
}

// skipping ends a listing silently where an error or the context ends it.
func skipping[T any](list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for element, err := range list {
			if err != nil || !yield(element, nil) {
				return
			}
		}
	}
}

type unfinished struct{ registry.Blob }

func (b unfinished) Read(p []byte) (int, error) {
	n, _ := b.Blob.Read(p[:min(len(p), 10)])
	return n, io.EOF
}

var brokenReaders = []breakage{
	{name: "the listing of tags stops silently", topic: "tags",
		reader: scripted(fault.Fault{Op: call.Tags, Kind: fault.Shorten, After: 50})},
	{name: "the catalog stops silently", topic: "catalog",
		reader: scripted(fault.Fault{Op: call.Repositories, Kind: fault.Shorten, After: 10})},
	{name: "a missing catalog looks empty", topic: "catalog", options: memory.Options{NoCatalog: true},
		reader: reading(func(r *brokenReader) {
			r.repositories = func(ctx context.Context) iter.Seq2[string, error] { return skipping(r.Reader.Repositories(ctx)) }
		})},
	{name: "not found looks empty", topic: "unknown",
		reader: reading(func(r *brokenReader) {
			r.tags = func(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
				return skipping(r.Reader.Tags(ctx, repository))
			}
		})},
	{name: "not found is another error", topic: "unknown",
		reader: reading(func(r *brokenReader) {
			r.head = func(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
				found, err := r.Reader.Head(ctx, repository, reference)
				if errors.Is(err, registry.ErrNotFound) {
					err = registry.ErrUnavailable
				}
				return found, err
			}
		})},
	{name: "every error is not found", topic: "cancelled",
		reader: reading(func(r *brokenReader) {
			r.manifest = func(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
				found, err := r.Reader.Manifest(ctx, repository, reference)
				if err != nil {
					err = registry.ErrNotFound
				}
				return found, err
			}
		})},
	{name: "head computes another digest", topic: "resolve",
		reader: reading(func(r *brokenReader) {
			r.head = func(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
				found, err := r.Reader.Head(ctx, repository, reference)
				if err == nil {
					found.Digest = oci.FromBytes([]byte(reference))
				}
				return found, err
			}
		})},
	{name: "head remembers", topic: "moved",
		reader: reading(func(r *brokenReader) {
			var memory sync.Map
			r.head = func(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
				if known, ok := memory.Load(repository + reference); ok {
					return known.(oci.Descriptor), nil
				}
				found, err := r.Reader.Head(ctx, repository, reference)
				if err == nil {
					memory.Store(repository+reference, found)
				}
				return found, err
			}
		})},
	{name: "manifests are written anew", topic: "resolve",
		reader: reading(func(r *brokenReader) {
			r.manifest = func(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
				found, err := r.Reader.Manifest(ctx, repository, reference)
				var compact bytes.Buffer
				if err == nil && json.Compact(&compact, found.Body) == nil {
					found.Body = compact.Bytes()
				}
				return found, err
			}
		})},
	{name: "an index is served as its first child", topic: "indexes",
		reader: reading(func(r *brokenReader) {
			r.manifest = func(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
				found, err := r.Reader.Manifest(ctx, repository, reference)
				decoded, _ := oci.DecodeManifest(found.MediaType, found.Body)
				if err == nil && len(decoded.Children) > 0 {
					return r.Reader.Manifest(ctx, repository, string(decoded.Children[0].Digest))
				}
				return found, err
			}
		})},
	{name: "media types are guessed", topic: "types",
		reader: reading(func(r *brokenReader) {
			r.manifest = func(ctx context.Context, repository, reference string) (oci.RawManifest, error) {
				found, err := r.Reader.Manifest(ctx, repository, reference)
				if oci.KindOf(found.MediaType) == oci.KindUnknown {
					found.MediaType = oci.MediaTypeImage
				}
				return found, err
			}
		})},
	{name: "blobs are cut short", topic: "blobs",
		reader: reading(func(r *brokenReader) {
			r.blob = func(ctx context.Context, repository string, digest oci.Digest) (registry.Blob, error) {
				opened, err := r.Reader.Blob(ctx, repository, digest)
				if err != nil {
					return nil, err
				}
				return unfinished{opened}, nil
			}
		})},
	{name: "no referrers API looks like no referrers", topic: "referrers", options: memory.Options{NoReferrers: true},
		reader: reading(func(r *brokenReader) {
			r.referrers = func(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error] {
				return skipping(r.ReferrerLister.Referrers(ctx, repository, subject))
			}
		})},
	{name: "only the first referrer is listed", topic: "referrers",
		reader: scripted(fault.Fault{Op: call.Referrers, Kind: fault.Shorten, After: 1})},
	{name: "untagged manifests are left out", topic: "untagged", options: memory.Options{Untagged: true},
		reader: scripted(fault.Fault{Op: call.Manifests, Kind: fault.Shorten, After: 1})},
	{name: "attachment tags are hidden", topic: "fallback",
		reader: reading(func(r *brokenReader) {
			r.tags = func(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
				return func(yield func(registry.Tag, error) bool) {
					for tag, err := range r.Reader.Tags(ctx, repository) {
						if !strings.HasPrefix(tag.Name, "sha256-") && !yield(tag, err) {
							return
						}
					}
				}
			}
		})},
	{name: "a cancelled listing ends as if it were whole", topic: "cancelled",
		reader: reading(func(r *brokenReader) {
			r.tags = func(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
				return func(yield func(registry.Tag, error) bool) {
					for tag, err := range r.Reader.Tags(ctx, repository) {
						if errors.Is(err, context.Canceled) || !yield(tag, err) {
							return
						}
					}
				}
			}
		})},
	{name: "the context is ignored", topic: "cancelled",
		reader: reading(func(r *brokenReader) {
			r.head = func(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
				return r.Reader.Head(context.WithoutCancel(ctx), repository, reference)
			}
		})},
	{name: "answers are mixed up", topic: "concurrent",
		reader: reading(func(r *brokenReader) {
			var mu sync.Mutex
			var last string
			r.head = func(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
				mu.Lock()
				asked := reference
				if strings.HasPrefix(last, "sha256:") && strings.HasPrefix(reference, "sha256:") {
					asked = last
				}
				last = reference
				mu.Unlock()
				return r.Reader.Head(ctx, repository, asked)
			}
		})},
	{name: "push times are made up", topic: "times",
		reader: reading(func(r *brokenReader) {
			r.tags = func(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
				return func(yield func(registry.Tag, error) bool) {
					for tag, err := range r.Reader.Tags(ctx, repository) {
						tag.Pushed = tag.Pushed.AddDate(2000, 0, 0)
						if !yield(tag, err) {
							return
						}
					}
				}
			}
		})},
	{name: "the description promises too much", topic: "describe", options: memory.Options{NoTagDelete: true},
		reader: reading(func(r *brokenReader) { r.Describer = braggart{} })},
}

type braggart struct{}

func (braggart) Describe(context.Context) (registry.Info, error) {
	return registry.Info{Name: "x", URL: "x", Kind: "x", Capabilities: registry.Capabilities{TagDelete: registry.SupportYes}}, nil
}
