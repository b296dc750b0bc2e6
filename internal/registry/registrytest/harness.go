// Package registrytest is the conformance suite of registry adapters: one set
// of topics that every reader and mutator must pass, on whatever registry is
// behind it. Below it are the registries to run it on: in memory, real ones,
// emulated ones, failing ones.
//
// It promises that a capability that was declared and does not hold is a
// failure, that one that was declared absent is checked to be refused
// honestly, and that what was not tried is skipped aloud. It knows the ports
// and no adapter.
package registrytest

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Harness is one registry with the adapter under test. The suite makes
// repositories of its own in it, one for each topic, and leaves them there.
type Harness interface {
	// Reader and Mutator are called once for each topic; both must speak to the
	// registry that Seed fills.
	Reader(T) registry.Reader
	Mutator(T) mutate.Mutator
	// Seed uploads w, by other means than the adapter. It is called several
	// times, with other repositories each time.
	Seed(ctx context.Context, w *world.World) error
	// Declared is what this registry is said to do.
	Declared() Declared
}

// Declared is what a registry is said to do. An unknown capability is not
// tried, and the topic says so.
type Declared struct {
	registry.Capabilities
	// Prefix stands before the names of seeded repositories where the adapter
	// names them otherwise ("docker-hosted/").
	Prefix string
	// KeepsTags: tags serve on after their digest was deleted.
	KeepsTags bool
	// VagueTags: an unknown repository cannot be told from an empty one.
	VagueTags bool
	// AnyType: manifests of media types that nobody knows are taken.
	AnyType bool
}

// T is what a topic needs of *testing.T, so that a test of the suite itself
// can watch it fail.
type T interface {
	Context() context.Context
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Topic is one part of the suite.
type Topic struct {
	Name string
	run  func(*bench)
}

// Run runs one topic.
func (topic Topic) Run(t T, h Harness) {
	t.Helper()
	topic.run(&bench{
		T: t, harness: h, declared: h.Declared(), reader: h.Reader(t), mutator: h.Mutator(t),
		world: world.New(world.DefaultNow), name: "conformance/" + topic.Name,
	})
}

// Conformance runs every topic on a registry.
func Conformance(t *testing.T, h Harness) {
	t.Helper()
	for _, topic := range Topics() {
		t.Run(topic.Name, func(t *testing.T) { topic.Run(t, h) })
	}
}

// Topics lists the suite.
func Topics() []Topic {
	return []Topic{
		{"catalog", catalog}, {"tags", tags}, {"emptied", emptied}, {"unknown", unknown}, {"abandoned", abandoned},
		{"resolve", resolve}, {"indexes", indexes}, {"types", types}, {"blobs", blobs}, {"moved", moved},
		{"referrers", referrers}, {"fallback", fallback}, {"untagged", untagged}, {"times", times}, {"describe", describe},
		{"probe", probe}, {"untag", untag}, {"delete", remove}, {"delete-index", removeIndex}, {"put-back", putBack},
		{"put-wrong", putWrong}, {"cancelled", cancelled}, {"concurrent", concurrent},
	}
}

// bench is one topic at work, in a repository of its own.
type bench struct {
	T
	harness  Harness
	declared Declared
	reader   registry.Reader
	mutator  mutate.Mutator
	world    *world.World
	name     string
}

func (b *bench) repo() *world.Repository { return b.world.Repository(b.name) }

// known is the name of the topic's repository as the adapter has it.
func (b *bench) known() string { return b.declared.Prefix + b.name }

// seed uploads what the topic made up.
func (b *bench) seed() {
	b.Helper()
	if err := b.harness.Seed(b.Context(), b.world); err != nil {
		b.Fatalf("seed: %v", err)
	}
}

// needs skips the topic where a capability is not known, and says whether it
// is there.
func (b *bench) needs(support registry.Support, what string) bool {
	b.Helper()
	if support == registry.SupportUnknown {
		b.Skipf("not tried: nobody declared whether this registry %s", what)
	}
	return support == registry.SupportYes
}

// tagged makes an image with these tags.
func (b *bench) tagged(names ...string) *world.Manifest {
	m := b.repo().Image(world.Image{Created: "2026-01-02T03:04:05Z"})
	for _, name := range names {
		b.repo().Tag(name, m)
	}
	return m
}

// is checks that a reference resolves to m and serves its bytes.
func (b *bench) is(reference string, m *world.Manifest) {
	b.Helper()
	head, err := b.reader.Head(b.Context(), b.known(), reference)
	switch {
	case err != nil:
		b.Errorf("head of %s: %v", reference, err)
	case head.Digest != m.Digest:
		b.Errorf("head of %s: digest %s, want %s", reference, head.Digest, m.Digest)
	case head.MediaType != m.MediaType:
		b.Errorf("head of %s: media type %s, want %s", reference, head.MediaType, m.MediaType)
	case head.Size != 0 && head.Size != int64(len(m.Body)):
		b.Errorf("head of %s: %d bytes, want %d", reference, head.Size, len(m.Body))
	}
	raw, err := b.reader.Manifest(b.Context(), b.known(), reference)
	switch {
	case err != nil:
		b.Errorf("manifest %s: %v", reference, err)
	case string(raw.Body) != string(m.Body):
		b.Errorf("manifest %s: the bytes are not those that were pushed:\n%q\n%q", reference, raw.Body, m.Body)
	case raw.Digest != m.Digest || raw.MediaType != m.MediaType:
		b.Errorf("manifest %s: %s %s, want %s %s", reference, raw.MediaType, raw.Digest, m.MediaType, m.Digest)
	}
}

// isGone checks that the registry says that a reference is not there.
func (b *bench) isGone(reference string) {
	b.Helper()
	if found, err := b.reader.Head(b.Context(), b.known(), reference); !errors.Is(err, registry.ErrNotFound) {
		b.Errorf("head of %s, which is not there: %s, %v; want %v", reference, found.Digest, err, registry.ErrNotFound)
	}
	if found, err := b.reader.Manifest(b.Context(), b.known(), reference); !errors.Is(err, registry.ErrNotFound) {
		b.Errorf("manifest %s, which is not there: %s, %v; want %v", reference, found.Digest, err, registry.ErrNotFound)
	}
}

// fails checks the kind of an error.
func (b *bench) fails(what string, err, kind error) {
	b.Helper()
	if !errors.Is(err, kind) {
		b.Errorf("%s: %v; want an error that is %q", what, err, kind)
	}
}

// collect reads a listing to its end.
func collect[E any](sequence iter.Seq2[E, error]) (all []E, err error) {
	for element, problem := range sequence {
		if problem != nil {
			err = problem
			continue // an element after an error is for the caller to see
		}
		all = append(all, element)
	}
	return all, err
}

// listed is the set of tag names.
func (b *bench) listed() map[string]registry.Tag {
	b.Helper()
	all, err := collect(b.reader.Tags(b.Context(), b.known()))
	if err != nil {
		b.Errorf("tags: %v", err)
	}
	byName := map[string]registry.Tag{}
	for _, tag := range all {
		byName[tag.Name] = tag
	}
	return byName
}

// tag is what a caller of Untag has: the entry of the listing.
func (b *bench) tag(name string, m *world.Manifest) mutate.Tag {
	b.Helper()
	return mutate.Tag{Repository: b.known(), Name: name, Digest: m.Digest, Handle: b.listed()[name].Handle}
}

// content reads a blob whole.
func (b *bench) content(digest oci.Digest) (string, int64, error) {
	opened, err := b.reader.Blob(b.Context(), b.known(), digest)
	if err != nil {
		return "", 0, err
	}
	var text strings.Builder
	_, err = io.Copy(&text, opened)
	return text.String(), opened.Size(), errors.Join(err, opened.Close())
}
