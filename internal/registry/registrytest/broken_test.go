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

// brokenMutator replaces single methods of a mutator.
type brokenMutator struct {
	mutate.Mutator
	probe       func(context.Context, string) (registry.Capabilities, error)
	untag       func(context.Context, mutate.Tag) error
	delete      func(context.Context, string, oci.Digest) error
	putManifest func(context.Context, string, string, oci.RawManifest) error
	putBlob     func(context.Context, string, oci.Digest, int64, io.Reader) error
}

func (m brokenMutator) Probe(ctx context.Context, repository string) (registry.Capabilities, error) {
	return m.probe(ctx, repository)
}
func (m brokenMutator) Untag(ctx context.Context, tag mutate.Tag) error { return m.untag(ctx, tag) }
func (m brokenMutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	return m.delete(ctx, repository, digest)
}
func (m brokenMutator) PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error {
	return m.putManifest(ctx, repository, reference, manifest)
}
func (m brokenMutator) PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error {
	return m.putBlob(ctx, repository, digest, size, content)
}

func changing(change func(*brokenMutator, registry.Reader)) func(mutate.Mutator, registry.Reader) mutate.Mutator {
	return func(whole mutate.Mutator, reader registry.Reader) mutate.Mutator {
		m := brokenMutator{
			Mutator: whole, probe: whole.Probe, untag: whole.Untag, delete: whole.DeleteManifest,
			putManifest: whole.PutManifest, putBlob: whole.PutBlob,
		}
		change(&m, reader)
		return m
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

var breakages = []breakage{
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

	{name: "untag deletes the manifest", topic: "untag",
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.untag = func(ctx context.Context, tag mutate.Tag) error {
				return m.Mutator.DeleteManifest(ctx, tag.Repository, tag.Digest)
			}
		})},
	// nexus-cli#46: where a tag could not be deleted the digest was, with
	// every sibling.
	{name: "an unsupported untag becomes a delete", topic: "untag", options: memory.Options{NoTagDelete: true},
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.untag = func(ctx context.Context, tag mutate.Tag) error {
				err := m.Mutator.Untag(ctx, tag)
				if errors.Is(err, registry.ErrUnsupported) {
					return m.Mutator.DeleteManifest(ctx, tag.Repository, tag.Digest)
				}
				return err
			}
		})},
	{name: "untag lies", topic: "untag",
		mutator: func(m mutate.Mutator, _ registry.Reader) mutate.Mutator {
			return fault.New(fault.Fault{Op: call.Untag, Kind: fault.Lie}).Mutator(m)
		}},
	{name: "untag of what is gone succeeds", topic: "untag",
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.untag = func(ctx context.Context, tag mutate.Tag) error {
				if err := m.Mutator.Untag(ctx, tag); !errors.Is(err, registry.ErrNotFound) {
					return err
				}
				return nil
			}
		})},
	{name: "delete takes the children along", topic: "delete-index",
		mutator: changing(func(m *brokenMutator, r registry.Reader) {
			m.delete = func(ctx context.Context, repository string, digest oci.Digest) error {
				raw, _ := r.Manifest(ctx, repository, string(digest))
				decoded, _ := oci.DecodeManifest(raw.MediaType, raw.Body)
				for _, child := range decoded.Children {
					_ = m.Mutator.DeleteManifest(ctx, repository, child.Digest)
				}
				return m.Mutator.DeleteManifest(ctx, repository, digest)
			}
		})},
	{name: "delete lies", topic: "delete",
		mutator: func(m mutate.Mutator, _ registry.Reader) mutate.Mutator {
			return fault.New(fault.Fault{Op: call.DeleteManifest, Kind: fault.Lie}).Mutator(m)
		}},
	{name: "a delete that is off is said to be unavailable", topic: "delete", options: memory.Options{NoDigestDelete: true},
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.delete = func(context.Context, string, oci.Digest) error { return registry.ErrUnavailable }
		})},
	{name: "the probe deletes", topic: "probe",
		mutator: changing(func(m *brokenMutator, r registry.Reader) {
			m.probe = func(ctx context.Context, repository string) (registry.Capabilities, error) {
				for tag := range r.Tags(ctx, repository) {
					if m.Mutator.Untag(ctx, mutate.Tag{Repository: repository, Name: tag.Name}) == nil {
						break
					}
				}
				return m.Mutator.Probe(ctx, repository)
			}
		})},
	{name: "the probe takes no for yes", topic: "probe", options: memory.Options{NoTagDelete: true},
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.probe = func(ctx context.Context, repository string) (registry.Capabilities, error) {
				return registry.Capabilities{TagDelete: registry.SupportYes}, nil
			}
		})},
	{name: "put writes the manifest anew", topic: "put-back",
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.putManifest = func(ctx context.Context, repository, reference string, raw oci.RawManifest) error {
				var compact bytes.Buffer
				if err := json.Compact(&compact, raw.Body); err != nil {
					return err
				}
				raw.Body = compact.Bytes()
				if _, err := oci.ParseDigest(reference); err == nil {
					reference = string(oci.FromBytes(raw.Body))
				}
				return m.Mutator.PutManifest(ctx, repository, reference, raw)
			}
		})},
	{name: "put does not compare the digest", topic: "put-wrong",
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.putBlob = func(ctx context.Context, repository string, _ oci.Digest, size int64, content io.Reader) error {
				body, err := io.ReadAll(content)
				if err != nil {
					return err
				}
				return m.Mutator.PutBlob(ctx, repository, oci.FromBytes(body), size, bytes.NewReader(body))
			}
		})},
	{name: "a cancelled delete happens", topic: "cancelled",
		mutator: changing(func(m *brokenMutator, _ registry.Reader) {
			m.delete = func(ctx context.Context, repository string, digest oci.Digest) error {
				return errors.Join(m.Mutator.DeleteManifest(context.WithoutCancel(ctx), repository, digest), ctx.Err())
			}
		})},
}

type braggart struct{}

func (braggart) Describe(context.Context) (registry.Info, error) {
	return registry.Info{Name: "x", URL: "x", Kind: "x", Capabilities: registry.Capabilities{TagDelete: registry.SupportYes}}, nil
}
