package apply_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// lookedAt counts the looks at tags after the first delete of a run.
func lookedAt(r *rig, tags []string) int {
	n, deleting := 0, false
	for _, c := range r.registry.Calls() {
		deleting = deleting || c.Op == call.DeleteManifest
		if deleting && c.Op == call.Head && slices.Contains(tags, c.Reference) {
			n++
		}
	}
	return n
}

// One step sees its tag go with the manifest; what became of the others' tags
// one listing shows.
func TestTagsThatWentAreSeenInOneListing(t *testing.T) {
	r, tags := images(t, 300, 1)
	r.registry.Forget()
	allDone(t, r.apply(t))
	r.check(t, "after", false)
	counts := r.registry.Counts()
	if counts[call.Tags] != 2 {
		t.Errorf("%d listings", counts[call.Tags])
	}
	// Each but the first before its delete, and the first afterwards.
	if n := lookedAt(r, tags); n != len(tags) {
		t.Errorf("%d looks at %d tags from the first delete on", n, len(tags))
	}
}

// What the listing still has is looked at: here a tag that somebody pushed
// again, to another image, right after its manifest was deleted.
func TestATagThatIsStillListedIsLookedAt(t *testing.T) {
	r, tags := images(t, 100, 1)
	again := tags[70]
	digest := digestOf(t, r, "app", again)
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest && c.Reference == string(digest) {
			r.registry.Edit(func(w *world.World) {
				w.Repository("app").Tag(again, w.Repository("app").Image(world.Image{}))
			})
		}
	})
	result := r.apply(t)
	allDone(t, result)
	if n := lookedAt(r, []string{again}); n != 2 { // before, and when it was listed
		t.Errorf("%d looks at the tag that is listed", n)
	}
	if r.registry.World().Repositories["app"].Tags[again] == "" {
		t.Error("the new tag is gone")
	}
}

// Somebody pushes an image again right after it was seen to be gone.
func TestAnImageThatIsPushedAgainAfterItWasDeleted(t *testing.T) {
	r, tags := images(t, 100, 1)
	again := tags[70]
	digest := digestOf(t, r, "app", again)
	var image *world.Manifest
	looking := false
	r.registry.Before(func(c call.Call) {
		switch of := c.Reference == string(digest); {
		case of && c.Op == call.DeleteManifest:
			r.registry.Edit(func(w *world.World) { image = w.Repository("app").Manifests[digest] })
		case of && c.Op == call.Head && image != nil:
			looking = true
		case looking:
			r.registry.Edit(func(w *world.World) {
				w.Repository("app").Manifests[digest] = image
				w.Repository("app").Tag(again, image)
			})
			looking, image = false, nil
		}
	})
	result := r.apply(t)
	if o := outcome(t, r, result, again); o.Status != journal.Changed || result.Counts[journal.Done] != len(tags)-1 || r.clock.slept > 0 {
		t.Errorf("%s (%s) after %v, %v", o.Status, o.Error, r.clock.slept, result.Counts)
	}
	if r.registry.World().Repositories["app"].Tags[again] != digest {
		t.Error("what was pushed again is gone")
	}
}

// A registry that keeps the tag of one deleted manifest after it took those of
// others along is helped there too, and where that does not help it is told.
func TestATagThatStaysIsTakenAway(t *testing.T) {
	for _, helps := range []bool{true, false} {
		r, tags := images(t, 100, 1)
		kept, gone, untagged := tags[70], false, false
		image := oci.Descriptor{MediaType: oci.MediaTypeImage, Digest: digestOf(t, r, "app", kept), Size: 1}
		r.registry.After(func(c call.Call) {
			gone = gone || c.Op == call.DeleteManifest && c.Reference == string(image.Digest)
		})
		r.registry.Before(func(c call.Call) {
			untagged = untagged || helps && c.Op == call.Untag && c.Reference == kept
		})
		req := r.request()
		req.Registries[r.info.Name] = r.given(&doctored{
			Reader: r.registry.Reader(),
			tags: func(names []string) []string {
				if gone && !untagged {
					return append(names, kept)
				}
				return names
			},
			head: func(reference string) (oci.Descriptor, bool) { return image, reference == kept && gone && !untagged },
		}, r.registry.Mutator())
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		o := outcome(t, r, result, kept)
		if helps != untagged || helps != (o.Status == journal.Done) || !helps && !strings.HasSuffix(o.Error, "kept its tags "+kept) {
			t.Errorf("tag taken away: %v, %s (%s)", untagged, o.Status, o.Error)
		}
		if result.Counts[journal.Done] < len(tags)-1 {
			t.Errorf("%v", result.Counts)
		}
	}
}

// A registry that serves deleted manifests under tags which it no longer lists
// is helped with each of them: no step ever saw its tag go. That the first one
// finds out while the others are being deleted.
func TestTagsThatServeOnUnlistedAreTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, tags := images(t, 100, 8)
		var mu sync.Mutex
		served := map[string]oci.Descriptor{}
		r.registry.Before(func(c call.Call) {
			mu.Lock()
			defer mu.Unlock()
			switch c.Op {
			case call.DeleteManifest:
				for tag, digest := range r.before.Repositories["app"].Tags {
					if c.Reference == string(digest) {
						served[tag] = oci.Descriptor{MediaType: oci.MediaTypeImage, Digest: digest, Size: 1}
					}
				}
			case call.Untag:
				delete(served, c.Reference)
			}
		})
		req := r.request()
		req.Registries[r.info.Name] = r.given(&doctored{Reader: r.registry.Reader(), head: func(reference string) (oci.Descriptor, bool) {
			mu.Lock()
			found, serves := served[reference]
			mu.Unlock()
			if serves {
				time.Sleep(time.Second)
			}
			return found, serves
		}}, r.registry.Mutator())
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		allDone(t, result)
		if len(served) > 0 || r.registry.Counts()[call.Untag] != len(tags) {
			t.Errorf("%d tags serve on", len(served))
		}
	})
}

// Once a tag was seen to stay, every step looks at its own tags again.
func TestAfterATagStayedEveryStepLooks(t *testing.T) {
	r, tags := images(t, 100, 1)
	middle, stays := digestOf(t, r, "app", tags[49]), oci.Descriptor{MediaType: oci.MediaTypeImage, Digest: digestOf(t, r, "app", tags[20]), Size: 1}
	gone, untagged := false, false
	r.registry.After(func(c call.Call) {
		gone = gone || c.Op == call.DeleteManifest && c.Reference == string(stays.Digest)
		if c.Op == call.DeleteManifest && c.Reference == string(middle) {
			_ = r.clock.Sleep(context.Background(), 16*time.Second)
		}
	})
	r.registry.Before(func(c call.Call) { untagged = untagged || c.Op == call.Untag })
	req := r.request()
	req.Registries[r.info.Name] = r.given(&doctored{
		Reader: r.registry.Reader(),
		tags: func(names []string) []string {
			if gone && !untagged {
				return append(names, tags[20])
			}
			return names
		},
		head: func(reference string) (oci.Descriptor, bool) {
			return stays, reference == tags[20] && gone && !untagged
		},
	}, r.registry.Mutator())
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	if n := lookedAt(r, tags[50:]); n != 3*50 { // with all others when the listing is made again, before, and after
		t.Errorf("%d looks at the fifty tags after it", n)
	}
}

// A listing that lacks what stays shows nothing: everything is looked at.
func TestAListingThatLacksWhatStaysIsNotBelieved(t *testing.T) {
	for name, lie := range map[string]func([]string) []string{
		"empty": func([]string) []string { return nil },
		"without": func(names []string) []string {
			return slices.DeleteFunc(names, func(n string) bool { return n == "kept" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, tags := images(t, 100, 1)
			req := r.request()
			listings := 0
			reader := &doctored{Reader: r.registry.Reader(), tags: func(names []string) []string {
				if listings++; listings > 1 {
					return lie(names)
				}
				return names
			}}
			req.Registries[r.info.Name] = r.given(reader, r.registry.Mutator())
			result, err := applytest.Run(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			allDone(t, result)
			if n := lookedAt(r, tags); listings != 2 || n != 2*len(tags)-1 {
				t.Errorf("%d listings, %d looks at %d tags", listings, n, len(tags))
			}
		})
	}
}

// Whoever stops waiting is told what became of the steps that wait for a
// listing, and so is the journal.
func TestStepsThatWaitForAListingAreSettledWhenARunStops(t *testing.T) {
	r, tags := images(t, 100, 1)
	ctx, cancel := context.WithCancel(t.Context())
	last := digestOf(t, r, "app", tags[49])
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest && c.Reference == string(last) {
			cancel()
		}
	})
	result, err := applytest.Run(ctx, r.request())
	if err != nil {
		t.Fatal(err)
	}
	if result.Counts[journal.Done] != 50 || !result.Interrupted {
		t.Errorf("%v, interrupted %v", result.Counts, result.Interrupted)
	}
	if looks := lookedAt(r, tags); looks != 50 {
		t.Errorf("%d looks", looks)
	}
	settle(t, r)
	r.check(t, "resumed", false)
}

// In a long run the steps that wait are settled with every listing, not only at
// the end.
func TestStepsAreSettledWithEveryListing(t *testing.T) {
	r, tags := images(t, 100, 1)
	var once sync.Once
	middle, later := digestOf(t, r, "app", tags[49]), digestOf(t, r, "app", tags[60])
	told := 0
	req := r.request()
	r.registry.After(func(c call.Call) {
		if c.Op == call.DeleteManifest && c.Reference == string(middle) {
			once.Do(func() { _ = r.clock.Sleep(context.Background(), 16*time.Second) })
		}
	})
	r.registry.Before(func(c call.Call) {
		if c.Op == call.DeleteManifest && c.Reference == string(later) {
			for _, entry := range r.state.Entries(r.state.Runs()[0].ID) {
				if entry.Outcome != nil {
					told++
				}
			}
		}
	})
	result, err := applytest.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	allDone(t, result)
	if told != 50 {
		t.Errorf("%d outcomes ten steps after the listing", told)
	}
}

// Where the listing in the middle of a run fails, nothing more is deleted, and
// the steps that waited for it are looked at.
func TestStepsAreSettledWhereTheListingFails(t *testing.T) {
	for _, kind := range []error{registry.ErrUnavailable, registry.ErrDenied} {
		r, tags := images(t, 100, 1)
		middle := digestOf(t, r, "app", tags[49])
		r.registry.After(func(c call.Call) {
			if c.Op == call.DeleteManifest && c.Reference == string(middle) {
				_ = r.clock.Sleep(context.Background(), 16*time.Second)
			}
		})
		req := r.request()
		script := r.faulty(&req, fault.Fault{Op: call.Tags, Nth: 2, Kind: fault.Refuse, Err: kind})
		result, err := applytest.Run(t.Context(), req)
		if err != nil || len(script.Unused()) > 0 {
			t.Fatalf("%v, unused faults %v", err, script.Unused())
		}
		if result.Counts[journal.Done] != 50 || result.Counts[journal.Refused] != 50 {
			t.Errorf("%v: %v", kind, result.Counts)
		}
	}
}

// doctored shows something else than what there is.
type doctored struct {
	registry.Reader
	tags func([]string) []string                       // nil: what there is
	head func(reference string) (oci.Descriptor, bool) // nil: what there is
}

func (d *doctored) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		var names []string
		for tag, err := range d.Reader.Tags(ctx, repository) {
			if err != nil {
				yield(tag, err)
				return
			}
			names = append(names, tag.Name)
		}
		if d.tags != nil {
			names = d.tags(names)
		}
		for _, name := range names {
			if !yield(registry.Tag{Name: name}, nil) {
				return
			}
		}
	}
}

func (d *doctored) Head(ctx context.Context, repository, reference string) (oci.Descriptor, error) {
	if d.head != nil {
		if found, shown := d.head(reference); shown {
			return found, nil
		}
	}
	return d.Reader.Head(ctx, repository, reference)
}
