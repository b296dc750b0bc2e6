package inventory_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// release is a repository with an index behind the tag v1, and the one that was
// there before it, which shares an image with it and has no tag any more.
type release struct {
	w                    *world.World
	shared, own, dropped *world.Manifest
	index, pinned        *world.Manifest
}

func newRelease() release {
	r := release{w: world.New(world.DefaultNow)}
	repo := r.w.Repository("shop/cart")
	r.shared, r.own, r.dropped = repo.Image(world.Image{Created: days(90)}), repo.Image(world.Image{Created: days(90)}), repo.Image(world.Image{Created: days(91)})
	r.index = repo.Index(world.Index{Children: []*world.Manifest{r.shared, r.own}})
	r.pinned = repo.Index(world.Index{Children: []*world.Manifest{r.shared, r.dropped}})
	repo.Tag("v1", r.index)
	return r
}

func using(tags []string, digests ...oci.Digest) inventory.Demand {
	return demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Indexes: true, Tags: tags, Digests: digests}
	})
}

func TestADigestInUseIsReadWhereNoTagLeadsToIt(t *testing.T) {
	r := newRelease()
	m := memory.Load(r.w, memory.Options{})
	// The tagged index and its child are known by themselves.
	repo := only(t, scanner(t, m, inventory.Options{}), using(nil, r.pinned.Digest, r.index.Digest, r.own.Digest))
	want(t, m, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 2})
	once(t, m)
	got := repo.Manifests[r.pinned.Digest]
	if got == nil || !got.Read || !got.Named || len(got.Children) != 2 || len(repo.Gaps) > 0 {
		t.Fatalf("the pinned index: %+v, gaps %v", got, repo.Gaps)
	}
	if roots := repo.Roots(); len(roots) != 1 || roots[0].Name() != "v1" {
		t.Errorf("what is known because it is used changes the roots: %+v", roots)
	}
}

// A registry that lists its manifests shows the digest to the policy by itself.
func TestADigestInUseIsARootWhereManifestsAreListed(t *testing.T) {
	r := newRelease()
	repo := only(t, scanner(t, memory.Load(r.w, memory.Options{Untagged: true}), inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Untagged: true, Digests: []oci.Digest{r.pinned.Digest}}
	}))
	at := slices.IndexFunc(repo.Roots(), func(root inventory.Root) bool { return root.Digest == r.pinned.Digest })
	if at < 0 || !repo.Manifests[r.pinned.Digest].Named || repo.Manifests[r.index.Digest].Named {
		t.Errorf("roots %+v", repo.Roots())
	}
}

func TestADigestInUseThatIsGoneIsNoGap(t *testing.T) {
	r := newRelease()
	gone := r.w.Missing().Digest
	repo := only(t, scanner(t, memory.Load(r.w, memory.Options{}), inventory.Options{}), using([]string{"v9"}, gone))
	if m := repo.Manifests[gone]; m == nil || !m.Missing || len(repo.Gaps) > 0 {
		t.Errorf("%+v, gaps %v", m, repo.Gaps)
	}
}

// That somebody remembers a manifest does not say that it is there.
func TestADigestInUseIsLookedForWhateverLiesReady(t *testing.T) {
	r := newRelease()
	gone := r.w.Missing().RawManifest
	options := inventory.Options{
		Recall: func(context.Context, string) func([]inventory.Tag) []bool {
			return func([]inventory.Tag) []bool { return nil }
		},
		AtHand: func(digest oci.Digest) (oci.RawManifest, bool) { return gone, digest == gone.Digest },
	}
	repo := only(t, scanner(t, memory.Load(r.w, memory.Options{}), options), using(nil, gone.Digest))
	if m := repo.Manifests[gone.Digest]; m == nil || !m.Missing || len(repo.Gaps) > 0 {
		t.Errorf("%+v, gaps %v", m, repo.Gaps)
	}
}

func TestWhatIsInUseAndCannotBeReadIsAGap(t *testing.T) {
	for _, f := range []fault.Fault{
		{Op: call.Manifest, Nth: 2},
		{Op: call.Manifest, Nth: 2, Err: registry.ErrDenied},
		{Op: call.Manifest, Nth: 2, Err: registry.ErrMalformed},
		{Op: call.Head, Nth: 1},
	} {
		r := newRelease()
		m := memory.Load(r.w, memory.Options{})
		script := fault.New(f)
		s := inventory.NewScanner(script.Reader(m.Reader()), describe(t, m.Reader()), inventory.Options{})
		repo := only(t, s, using([]string{"v9"}, r.pinned.Digest))
		if len(script.Unused()) > 0 || len(repo.Gaps) == 0 {
			t.Errorf("%v: gaps %v", f, repo.Gaps)
		}
	}
}

// A list of tags that has not got a tag that is there cannot be believed.
func TestATagInUseThatIsThereAndNotListedIsAGap(t *testing.T) {
	r := newRelease()
	r.w.Repositories["shop/cart"].Tag("v2", r.pinned)
	m := memory.Load(r.w, memory.Options{})
	s := inventory.NewScanner(firstTag{m.Reader()}, describe(t, m.Reader()), inventory.Options{})
	repo := only(t, s, using([]string{"v1", "v2", "v3"}))
	if len(repo.Tags) != 1 || len(repo.Gaps) != 1 || repo.Gaps[0].Code != "tags" {
		t.Errorf("tags %v, gaps %v", repo.Tags, repo.Gaps)
	}
}

// firstTag lists one tag and says that these are all.
type firstTag struct{ registry.Reader }

func (r firstTag) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		for tag, err := range r.Reader.Tags(ctx, repository) {
			yield(tag, err)
			return
		}
	}
}
