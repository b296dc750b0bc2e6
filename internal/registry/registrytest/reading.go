package registrytest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// catalog: every repository is listed, or the registry is said to list none.
func catalog(b *bench) {
	var want []string
	for i := range 12 {
		name := fmt.Sprintf("%s/part-%d", b.name, i)
		repo := b.world.Repository(name)
		repo.Tag("v1", repo.Image(world.Image{}))
		want = append(want, b.declared.Prefix+name)
	}
	b.seed()
	names, err := collect(b.reader.Repositories(b.Context()))
	if !b.needs(b.declared.Catalog, "lists its repositories") {
		b.fails("listing of repositories", err, registry.ErrUnsupported)
		return
	}
	if err != nil {
		b.Errorf("repositories: %v", err)
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			b.Errorf("repository %s is not listed", name)
		}
	}
}

// tags: the listing is complete over any number of pages, with names of every
// form, and says nothing that is not there.
func tags(b *bench) {
	m := b.tagged("v1.2.3", "latest", "_x", "UPPER.case-1", strings.Repeat("l", 128))
	for i := range 60 {
		b.repo().Tag(fmt.Sprintf("build-%d", i), m)
	}
	b.seed()
	listed := b.listed()
	for name := range b.repo().Tags {
		if _, found := listed[name]; !found {
			b.Errorf("tag %s is not listed", name)
		}
	}
	for name, tag := range listed {
		if b.repo().Tags[name] == "" {
			b.Errorf("tag %q is listed and was never pushed", name)
		}
		if tag.Digest != "" && tag.Digest != m.Digest {
			b.Errorf("tag %s is listed with digest %s, want %s", name, tag.Digest, m.Digest)
		}
		if tag.Problem != "" {
			b.Errorf("tag %s is said to have a problem: %s", name, tag.Problem)
		}
	}
}

// emptied: a repository whose last manifest went has no tags and is no error.
func emptied(b *bench) {
	m := b.tagged("only")
	b.seed()
	if b.declared.KeepsTags || b.declared.DigestDelete != registry.SupportYes {
		b.Skipf("not tried: this registry keeps its tags")
	}
	if err := b.mutator.DeleteManifest(b.Context(), b.known(), m.Digest); err != nil {
		b.Fatalf("delete manifest: %v", err)
	}
	found, err := collect(b.reader.Tags(b.Context(), b.known()))
	if len(found) > 0 || err != nil && !errors.Is(err, registry.ErrNotFound) {
		b.Errorf("tags of an emptied repository: %v, %v", found, err)
	}
}

// unknown: what is not there is ErrNotFound, never an empty answer.
func unknown(b *bench) {
	b.tagged("here")
	b.seed()
	nobody := string(b.world.Missing().Digest)
	b.isGone("absent")
	b.isGone(nobody)
	found, err := collect(b.reader.Tags(b.Context(), b.known()+"/absent"))
	if len(found) > 0 || !b.declared.VagueTags && !errors.Is(err, registry.ErrNotFound) {
		b.Errorf("tags of an unknown repository: %v, %v; want %v", found, err, registry.ErrNotFound)
	}
	_, err = b.reader.Head(b.Context(), b.known()+"/absent", "here")
	b.fails("head in an unknown repository", err, registry.ErrNotFound)
	_, err = b.reader.Manifest(b.Context(), b.known()+"/absent", "here")
	b.fails("manifest in an unknown repository", err, registry.ErrNotFound)
}

// abandoned: a caller may stop listening.
func abandoned(b *bench) {
	b.tagged("one", "two", "three")
	b.seed()
	for range 2 {
		for tag, err := range b.reader.Tags(b.Context(), b.known()) {
			if err != nil || tag.Name == "" {
				b.Errorf("first tag: %q, %v", tag.Name, err)
			}
			break
		}
	}
	if b.declared.Catalog == registry.SupportYes {
		for _, err := range b.reader.Repositories(b.Context()) {
			if err != nil {
				b.Errorf("first repository: %v", err)
			}
			break
		}
	}
	if found := b.listed(); len(found) != 3 {
		b.Errorf("%d tags after listings that were not read to their end, want 3", len(found))
	}
}

// resolve: a tag and its digest lead to the same bytes, which are those that
// were pushed, whatever their spaces and line feeds.
func resolve(b *bench) {
	recipes := map[string]world.Image{
		"plain": {}, "odd": {Odd: true}, "docker": {Docker: true}, "docker-odd": {Docker: true, Odd: true},
		"described": {Labels: map[string]string{"a": "ü<>&"}, Annotations: map[string]string{"b": "<&>\u2028"}},
	}
	made := map[string]*world.Manifest{}
	for name, recipe := range recipes {
		made[name] = b.repo().Image(recipe)
		b.repo().Tag(name, made[name])
		b.repo().Tag(name+"-again", made[name])
	}
	b.seed()
	for name, m := range made {
		b.is(name, m)
		b.is(name+"-again", m)
		b.is(string(m.Digest), m)
	}
}

// indexes: an index is served as itself, not as one of its children, nested or
// not; untagged children are served by digest.
func indexes(b *bench) {
	one, two := b.repo().Image(world.Image{}), b.repo().Image(world.Image{Platform: "linux/arm64"})
	docker := b.repo().Image(world.Image{Docker: true})
	plain := b.repo().Index(world.Index{Children: []*world.Manifest{one, two}, Odd: true})
	list := b.repo().Index(world.Index{Children: []*world.Manifest{docker}, Docker: true})
	nested := b.repo().Index(world.Index{Children: []*world.Manifest{plain, two}})
	made := map[string]*world.Manifest{"plain": plain, "list": list, "nested": nested}
	for name, m := range made {
		b.repo().Tag(name, m)
	}
	b.seed()
	for name, m := range made {
		b.is(name, m)
		b.is(string(m.Digest), m)
	}
	for _, child := range []*world.Manifest{one, two, docker} {
		b.is(string(child.Digest), child)
	}
}

// types: a manifest of a media type that nobody knows is served as it is.
func types(b *bench) {
	artifact := b.repo().Artifact(world.Artifact{Type: "application/vnd.example.thing"})
	b.repo().Tag("artifact", artifact)
	b.seed()
	b.is("artifact", artifact)
	if !b.declared.AnyType {
		b.Logf("not tried: this registry refuses media types that it does not know")
		return
	}
	foreign := b.repo().Foreign("application/vnd.example.unheard-of+json", []byte(`{"what": [1, 2, 3] }`))
	b.repo().Tag("foreign", foreign)
	b.seed()
	b.is("foreign", foreign)
}

// blobs: configs and layers are served whole.
func blobs(b *bench) {
	m := b.tagged("v1")
	b.seed()
	for _, digest := range append([]oci.Digest{m.Config}, m.Layers...) {
		content, size, err := b.content(digest)
		want := string(b.world.Blobs[digest])
		if err != nil || content != want || size != -1 && size != int64(len(want)) {
			b.Errorf("blob %s: %q (%d bytes), %v; want %q", digest, content, size, err, want)
		}
	}
	opened, err := b.reader.Blob(b.Context(), b.known(), m.Config)
	if err != nil {
		b.Fatalf("blob: %v", err)
	}
	if err := opened.Close(); err != nil {
		b.Errorf("close of an unread blob: %v", err)
	}
	_, _, err = b.content(b.world.Missing().Digest)
	b.fails("a blob that is not there", err, registry.ErrNotFound)
}

// moved: a tag that was pushed again is seen where it is now.
func moved(b *bench) {
	b.moveTo("first")
	b.moveTo("second")
}

func (b *bench) moveTo(of string) {
	m := b.tagged("moving", of)
	b.seed()
	b.is("moving", m)
	if listed := b.listed()["moving"].Digest; listed != "" && listed != m.Digest {
		b.Errorf("the moving tag is listed with digest %s, want %s", listed, m.Digest)
	}
}
