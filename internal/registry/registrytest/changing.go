package registrytest

import (
	"errors"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// untag: one tag goes; siblings, the manifest and everything else stay. Where
// it cannot be done the answer is ErrUnsupported and nothing has changed.
func untag(b *bench) {
	m, other := b.tagged("go", "stay", "stay-too"), b.tagged("other")
	b.seed()
	can := b.needs(b.declared.TagDelete, "deletes tags")
	err := b.mutator.Untag(b.Context(), b.tag("go", m))
	if !can {
		b.fails("untag", err, registry.ErrUnsupported)
		for _, name := range []string{"go", "stay", "stay-too"} {
			b.is(name, m)
		}
		b.is("other", other)
		return
	}
	if err != nil {
		b.Fatalf("untag: %v", err)
	}
	b.isGone("go")
	if _, still := b.listed()["go"]; still {
		b.Errorf("the removed tag is still listed")
	}
	b.is("stay", m)
	b.is("stay-too", m)
	b.is(string(m.Digest), m)
	b.is("other", other)

	again := b.tag("stay", m)
	again.Name = "go"
	b.fails("untag of what is gone", b.mutator.Untag(b.Context(), again), registry.ErrNotFound)
	again.Name = "never"
	b.fails("untag of what never was", b.mutator.Untag(b.Context(), again), registry.ErrNotFound)
	b.is("stay", m)

	if b.declared.ComponentDelete == registry.SupportYes {
		return // a manifest without a component left is the registry's to collect
	}
	if err := b.mutator.Untag(b.Context(), b.tag("other", other)); err != nil {
		b.Errorf("untag of the only tag: %v", err)
	}
	b.isGone("other")
	b.is(string(other.Digest), other)
}

// remove: a manifest goes with all its tags, and nothing else does.
func remove(b *bench) {
	m, other := b.tagged("one", "two"), b.tagged("other")
	alone := b.tagged()
	b.seed()
	can := b.needs(b.declared.DigestDelete, "deletes manifests")
	err := b.mutator.DeleteManifest(b.Context(), b.known(), m.Digest)
	if !can {
		b.fails("delete manifest", err, registry.ErrUnsupported)
		b.is("one", m)
		b.is(string(m.Digest), m)
		return
	}
	if err != nil {
		b.Fatalf("delete manifest: %v", err)
	}
	b.isGone(string(m.Digest))
	listed := b.listed()
	for _, name := range []string{"one", "two"} {
		if b.declared.KeepsTags {
			if _, err := b.reader.Head(b.Context(), b.known(), name); err != nil {
				b.Errorf("tag %s after its digest was deleted: %v; this registry is declared to keep it", name, err)
			}
			continue
		}
		b.isGone(name)
		if _, still := listed[name]; still {
			b.Errorf("tag %s is still listed after its digest was deleted", name)
		}
	}
	b.is("other", other)
	b.is(string(alone.Digest), alone)
	b.fails("delete of what is gone", b.mutator.DeleteManifest(b.Context(), b.known(), m.Digest), registry.ErrNotFound)
	b.fails("delete of what never was", b.mutator.DeleteManifest(b.Context(), b.known(), b.world.Missing().Digest), registry.ErrNotFound)
	if err := b.mutator.DeleteManifest(b.Context(), b.known(), alone.Digest); err != nil {
		b.Errorf("delete of an untagged manifest: %v", err)
	}
	b.isGone(string(alone.Digest))
	b.is("other", other)
}

// removeIndex: the children of a deleted index stay.
func removeIndex(b *bench) {
	one, two := b.repo().Image(world.Image{}), b.tagged("child")
	index := b.repo().Index(world.Index{Children: []*world.Manifest{one, two}})
	b.repo().Tag("index", index)
	b.seed()
	if b.declared.DigestDelete != registry.SupportYes {
		b.Skipf("not tried: this registry deletes no manifests")
	}
	if err := b.mutator.DeleteManifest(b.Context(), b.known(), index.Digest); err != nil {
		b.Fatalf("delete index: %v", err)
	}
	b.isGone(string(index.Digest))
	b.is(string(one.Digest), one)
	b.is("child", two)
}

// putBack: what was deleted comes back under its digest and tags, byte for
// byte; a new blob is stored.
func putBack(b *bench) {
	child := b.repo().Image(world.Image{Odd: true})
	index := b.repo().Index(world.Index{Children: []*world.Manifest{child}, Odd: true})
	b.repo().Tag("v1", index)
	b.tagged("other") // olareg serves no child in a repository that has nothing else
	b.seed()
	if b.declared.DigestDelete == registry.SupportYes {
		for _, m := range []*world.Manifest{index, child} {
			if err := b.mutator.DeleteManifest(b.Context(), b.known(), m.Digest); err != nil {
				b.Fatalf("delete manifest: %v", err)
			}
			b.isGone(string(m.Digest))
		}
	}
	for _, put := range []struct {
		reference string
		manifest  *world.Manifest
	}{{string(child.Digest), child}, {string(index.Digest), index}, {"v1", index}, {"v1", index}} {
		if err := b.mutator.PutManifest(b.Context(), b.known(), put.reference, put.manifest.RawManifest); err != nil {
			b.Fatalf("put manifest %s: %v", put.reference, err)
		}
	}
	b.is("v1", index)
	b.is(string(index.Digest), index)
	b.is(string(child.Digest), child)

	content := "a blob that comes back"
	digest := oci.FromBytes([]byte(content))
	for range 2 {
		if err := b.mutator.PutBlob(b.Context(), b.known(), digest, int64(len(content)), strings.NewReader(content)); err != nil {
			b.Errorf("put blob: %v", err)
		}
	}
	if got, _, err := b.content(digest); err != nil || got != content {
		b.Errorf("the blob that was put: %q, %v", got, err)
	}
}

// putWrong: content is never stored under the digest of other content.
func putWrong(b *bench) {
	m := b.tagged("v1")
	b.seed()
	nobody := b.world.Missing().Digest
	if err := b.mutator.PutManifest(b.Context(), b.known(), string(nobody), m.RawManifest); err == nil {
		b.Errorf("a manifest was put under the digest of another one")
	}
	b.isGone(string(nobody))
	lie := "not what the digest says"
	if err := b.mutator.PutBlob(b.Context(), b.known(), nobody, int64(len(lie)), strings.NewReader(lie)); err == nil {
		b.Errorf("a blob was put under the digest of another one")
	}
	if got, _, err := b.content(nobody); !errors.Is(err, registry.ErrNotFound) {
		b.Errorf("the wrong blob is there: %q, %v", got, err)
	}
	b.is("v1", m)
}
