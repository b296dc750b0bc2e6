package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

func many(repositories, tags int) *world.World {
	w := world.New(world.DefaultNow)
	for i := range repositories {
		repo := w.Repository(fmt.Sprintf("r%04d", i))
		image := repo.Image(world.Image{Created: days(i)})
		for j := range tags {
			repo.Tag(fmt.Sprintf("t%d", j), image)
		}
	}
	return w
}

func TestRepositoriesComeInTheOrderOfTheirNames(t *testing.T) {
	r := memory.Load(many(100, 2), memory.Options{})
	var events []event.Event
	s := scanner(t, r, inventory.Options{Events: func(e event.Event) { events = append(events, e) }, Requests: func() int64 { return 9 }})
	var got []string
	for _, repo := range collect(t, s, graph) {
		got = append(got, repo.Name)
	}
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("order %q", got)
	}
	if len(events) != 101 || events[0] != (event.ScanStarted{Registry: "memory", Repositories: 100}) ||
		events[1] != (event.RepositoryScanned{Registry: "memory", Repository: "r0000", Tags: 2, Requests: 9}) {
		t.Errorf("%d events, first %+v", len(events), events[:2])
	}
}

// Requests in flight stay within the bound, and it is used: everything takes a
// second here, so the seconds say how much went side by side.
func TestRequestsAreBoundedAndSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 8
		r := memory.Load(many(40, 4), memory.Options{})
		s := scanner(t, r, inventory.Options{Workers: workers})
		var inFlight, most atomic.Int64
		r.Before(func(call.Call) {
			most.Store(max(most.Load(), inFlight.Add(1)))
			time.Sleep(time.Second)
			inFlight.Add(-1)
		})
		start := time.Now()
		goroutines := 0
		for _, err := range s.Scan(context.Background(), configs) {
			if err != nil {
				t.Fatal(err)
			}
			goroutines = max(goroutines, runtime.NumGoroutine())
		}
		if most.Load() != workers {
			t.Errorf("%d requests in flight, the bound is %d", most.Load(), workers)
		}
		// 1 catalog, then 40 listings, 160 manifests and 40 configs, 8 at once.
		if took := time.Since(start); took > 36*time.Second {
			t.Errorf("took %s, the floor is 31s", took)
		}
		if goroutines > workers+2*32+8 { // two for each repository that is read ahead
			t.Errorf("%d goroutines", goroutines)
		}
	})
}

// Repositories larger than the whole budget are read one after the other, and
// nobody waits for somebody who waits for him.
func TestLargeRepositoriesDoNotBlockEachOther(t *testing.T) {
	r := memory.Load(many(4, 25_000), memory.Options{Rich: true})
	for _, repo := range collect(t, scanner(t, r, inventory.Options{}), graph) {
		if len(repo.Tags) != 25_000 || len(repo.Manifests) != 1 {
			t.Errorf("%s: %d tags, %d manifests", repo.Name, len(repo.Tags), len(repo.Manifests))
		}
	}
}

func TestWhoHasSeenEnoughStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.Load(many(50, 2), memory.Options{})
		s := scanner(t, r, inventory.Options{Workers: 3})
		for range s.Scan(context.Background(), graph) {
			break
		}
		synctest.Wait() // the bubble fails if a goroutine is left
	})
}

func TestDeepenDuringAndAfterAScan(t *testing.T) {
	r := memory.Load(many(5, 2), memory.Options{})
	s := scanner(t, r, inventory.Options{Workers: 1})
	var last *inventory.Repository
	for repo, err := range s.Scan(context.Background(), graph) {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = s.Deepen(context.Background(), repo, []oci.Digest{repo.Tags[0].Digest}); err != nil || len(last.Gaps) > 0 {
			t.Fatal(err, last.Gaps)
		}
	}
	if _, err := s.Deepen(context.Background(), last, []oci.Digest{last.Tags[0].Digest}); err != nil {
		t.Fatal(err)
	}
}

type sightings map[string]time.Time

func (s sightings) FirstSeen(_ context.Context, repository string, tags []inventory.Tag) (map[string]time.Time, error) {
	if s == nil {
		return nil, errors.New("the state is locked")
	}
	s["asked "+repository] = time.Time{}
	return s, nil
}

func TestFirstSeen(t *testing.T) {
	seen := sightings{"a1": world.DefaultNow}
	r := memory.Load(shared(4), memory.Options{})
	repo := only(t, scanner(t, r, inventory.Options{FirstSeen: seen}), graph)
	for _, tag := range repo.Tags {
		if known := !tag.Seen.IsZero(); known != (tag.Name == "a1") {
			t.Errorf("%s was seen %s", tag.Name, tag.Seen)
		}
	}
	if _, asked := seen["asked app"]; !asked {
		t.Error("nobody asked")
	}
	seen = sightings{}
	only(t, scanner(t, memory.Load(shared(4), memory.Options{}), inventory.Options{FirstSeen: seen}), names)
	if len(seen) != 0 {
		t.Error("asked about tags that were not resolved")
	}
	var failure error
	for _, err := range scanner(t, memory.Load(shared(4), memory.Options{}), inventory.Options{FirstSeen: sightings(nil)}).Scan(context.Background(), graph) {
		failure = err
	}
	if failure == nil {
		t.Error("a state that fails is no error")
	}
}

// Untagged manifests are read unless an index lists them; their pull times are
// taken before anything is fetched.
func TestUntaggedManifests(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	child, alone := repo.Image(world.Image{Created: days(1)}), repo.Image(world.Image{Created: days(2)})
	hidden := repo.Index(world.Index{Children: []*world.Manifest{child}})
	repo.Tag("v1", repo.Image(world.Image{Created: days(3)}))
	pulled := world.DefaultNow.Add(-time.Hour)
	repo.Pulled[string(alone.Digest)], repo.Pushed[string(alone.Digest)] = pulled, pulled
	r := memory.Load(w, memory.Options{Untagged: true, PushTimes: true, PullTimes: true})
	got := only(t, scanner(t, r, inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Untagged: true, Config: func(tag string) bool { return tag == "" }}
	}))
	var untagged []oci.Digest
	for _, root := range got.Roots() {
		if root.Tag == nil {
			untagged = append(untagged, root.Digest)
		}
	}
	expected := []oci.Digest{alone.Digest, hidden.Digest}
	slices.Sort(expected)
	if !slices.Equal(untagged, expected) {
		t.Errorf("untagged roots %v, want %v", untagged, expected)
	}
	m := got.Manifests[alone.Digest]
	if !m.Pushed.Equal(pulled) || !m.Pulled.Equal(pulled) || world.At(m.Created) != days(2) || !got.PullsRecorded || !got.ManifestsListed {
		t.Errorf("%+v", m)
	}
	// v1, the hidden index, its child for the index's age, the other image.
	want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifests: 1, call.Manifest: 4, call.Blob: 2})
}

// twice lists tags as registries do that page carelessly.
type twice struct{ registry.Reader }

func (r twice) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		for range 2 {
			for tag, err := range r.Reader.Tags(ctx, repository) {
				if !yield(tag, err) {
					return
				}
			}
		}
		other := oci.FromBytes([]byte("other"))
		yield(registry.Tag{Name: "a0", Digest: other}, nil)
		yield(registry.Tag{Name: "a1", Digest: other, Handle: "component 7"}, nil)
	}
}

func TestRepeatedTagsAreMerged(t *testing.T) {
	r := memory.Load(shared(4), memory.Options{Rich: true})
	repo := only(t, inventory.NewScanner(twice{r.Reader()}, describe(t, r.Reader()), inventory.Options{}), graph)
	if len(repo.Tags) != 4 || len(repo.Gaps) != 0 {
		t.Fatalf("tags %+v, gaps %v", repo.Tags, repo.Gaps)
	}
	for _, tag := range repo.Tags {
		if tag.Digest == "" || (tag.Problem != "") != (tag.Name == "a1") {
			t.Errorf("%+v", tag)
		}
	}
}
