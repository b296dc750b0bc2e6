package registrytest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

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

var brokenMutators = []breakage{
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
