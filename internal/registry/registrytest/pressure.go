package registrytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// cancelled: with a cancelled context everything ends with its error, no
// listing ends as if it were whole, and nothing is changed.
func cancelled(b *bench) {
	m := b.tagged()
	for i := range 40 {
		b.repo().Tag(fmt.Sprintf("tag-%d", i), m)
	}
	sbom := b.repo().Artifact(world.Artifact{Type: "application/spdx+json", Subject: m})
	b.seed()
	first := b.tag("tag-0", m)
	ctx, cancel := context.WithCancel(b.Context())
	cancel()

	_, err := b.reader.Head(ctx, b.known(), "tag-0")
	b.fails("cancelled head", err, context.Canceled)
	_, err = b.reader.Manifest(ctx, b.known(), "tag-0")
	b.fails("cancelled manifest", err, context.Canceled)
	opened, err := b.reader.Blob(ctx, b.known(), m.Config)
	b.fails("cancelled blob", err, context.Canceled)
	if opened != nil {
		opened.Close()
	}
	found, err := collect(b.reader.Tags(ctx, b.known()))
	b.fails("cancelled listing of tags", err, context.Canceled)
	if len(found) > 0 {
		b.Errorf("%d tags for a context that was cancelled before", len(found))
	}
	_, err = collect(b.reader.Repositories(ctx))
	b.fails("cancelled listing of repositories", err, context.Canceled)
	if lister, ok := registry.As[registry.ReferrerLister](b.reader); ok && b.declared.Referrers == registry.SupportYes {
		_, err = collect(lister.Referrers(ctx, b.known(), m.Digest))
		b.fails("cancelled listing of referrers", err, context.Canceled)
	}
	if lister, ok := registry.As[registry.ManifestLister](b.reader); ok {
		_, err = collect(lister.Manifests(ctx, b.known()))
		b.fails("cancelled listing of manifests", err, context.Canceled)
	}

	_, err = b.mutator.Probe(ctx, b.known())
	b.fails("cancelled probe", err, context.Canceled)
	b.fails("cancelled untag", b.mutator.Untag(ctx, first), context.Canceled)
	b.fails("cancelled delete", b.mutator.DeleteManifest(ctx, b.known(), m.Digest), context.Canceled)
	b.fails("cancelled put", b.mutator.PutManifest(ctx, b.known(), "new", m.RawManifest), context.Canceled)
	text := "a blob that should not arrive"
	digest := oci.FromBytes([]byte(text))
	b.fails("cancelled put of a blob",
		b.mutator.PutBlob(ctx, b.known(), digest, int64(len(text)), strings.NewReader(text)), context.Canceled)
	b.is("tag-0", m)
	b.is(string(sbom.Digest), sbom)
	b.isGone("new")

	ctx, cancel = context.WithCancel(b.Context())
	defer cancel()
	count := 0
	for _, problem := range b.reader.Tags(ctx, b.known()) {
		if err = problem; err == nil {
			count++
		}
		cancel()
	}
	if all := len(b.repo().Tags); !isCancelled(count, all, err, context.Canceled) {
		b.Errorf("a listing that was cancelled after its first tag gave %d of %d tags and ended with %v", count, all, err)
	}
}

// concurrent: many at once, reading and changing, each gets its own answer.
func concurrent(b *bench) {
	const many = 12
	images := make([]*world.Manifest, many)
	for i := range images {
		images[i] = b.tagged(fmt.Sprintf("go-%d", i), fmt.Sprintf("stay-%d", i))
	}
	b.seed()
	listed := b.listed()
	var wait sync.WaitGroup
	problems := make(chan error, 8*many)
	for i, m := range images {
		wait.Go(func() {
			for range 3 {
				raw, err := b.reader.Manifest(b.Context(), b.known(), fmt.Sprintf("stay-%d", i))
				if err != nil || string(raw.Body) != string(m.Body) {
					problems <- fmt.Errorf("manifest stay-%d: %s, %w", i, raw.Digest, err)
				}
				head, err := b.reader.Head(b.Context(), b.known(), string(m.Digest))
				if err != nil || head.Digest != m.Digest {
					problems <- fmt.Errorf("head of %s: %s, %w", m.Digest, head.Digest, err)
				}
			}
		})
		wait.Go(func() {
			if b.declared.TagDelete == registry.SupportYes {
				name := fmt.Sprintf("go-%d", i)
				tag := mutate.Tag{Repository: b.known(), Name: name, Digest: m.Digest, Handle: listed[name].Handle}
				if err := b.mutator.Untag(b.Context(), tag); err != nil {
					problems <- fmt.Errorf("untag go-%d: %w", i, err)
				}
			}
			if _, err := collect(b.reader.Tags(b.Context(), b.known())); err != nil && !errors.Is(err, registry.ErrChanged) {
				problems <- fmt.Errorf("tags: %w", err)
			}
		})
	}
	wait.Wait()
	close(problems)
	for problem := range problems {
		b.Errorf("%v", problem)
	}
	want := 2 * many
	if b.declared.TagDelete == registry.SupportYes {
		want = many
	}
	if left := b.listed(); len(left) != want {
		b.Errorf("%d tags are left, want %d", len(left), want)
	}
}
