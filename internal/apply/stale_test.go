package apply_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// slowArchive takes a minute for an image, in which somebody pushes.
type slowArchive struct {
	apply.Archive
	clock *clock
	of    oci.Digest
	push  func()
}

func (s slowArchive) Keep(ctx context.Context, entry archive.Entry, source archive.Source) error {
	if entry.Manifest.Digest == s.of {
		s.push()
	}
	_ = s.clock.Sleep(context.Background(), time.Minute)
	return s.Archive.Keep(ctx, entry, source)
}

// Copying a large image into an archive takes minutes. What was looked at before
// is looked at again before anything goes.
func TestALookThatHasGrownOldIsRepeated(t *testing.T) {
	for _, tag := range []string{"old", "shared-old"} {
		for name, push := range map[string]func(*world.Repository){
			"the tag moves":               func(r *world.Repository) { r.Tag(tag, r.Image(world.Image{})) },
			"a new tag leads to the same": func(r *world.Repository) { r.Tags["v1.0"] = r.Tags[tag] },
		} {
			if tag == "shared-old" && name != "the tag moves" {
				continue // an untag leaves the image to whatever tag comes
			}
			t.Run(tag+": "+name, func(t *testing.T) {
				w, remove := company(false)
				r := newRig(t, w, remove, memory.Options{})
				var once sync.Once
				req, before := r.request(), digestOf(t, r, "app", tag)
				req.Archive = slowArchive{r.state, r.clock, before, func() {
					once.Do(func() { r.registry.Edit(func(w *world.World) { push(w.Repository("app")) }) })
				}}
				result, err := applytest.Run(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if o := outcome(t, r, result, tag); o.Status != journal.Changed {
					t.Errorf("%s (%s)", o.Status, o.Error)
				}
				if left := r.registry.World().Repositories["app"]; left.Tags[tag] == "" || left.Manifests[before] == nil {
					t.Error("what was pushed meanwhile is gone")
				}
			})
		}
	}
}

// So is the look of a step that is taken once more.
func TestALookThatHasGrownOldTheSecondTimeIsRepeated(t *testing.T) {
	for at := 1; at <= 3; at++ { // twice before the first delete, then before the second
		r := twins(t, memory.Options{})
		image, asked, pushed := digestOf(t, r, "app", "a"), 0, false
		req := r.request()
		r.faulty(&req, fault.Fault{Op: call.DeleteManifest, Nth: 1, Kind: fault.Refuse, Err: registry.ErrUnavailable})
		req.Archive = slowArchive{r.state, r.clock, image, func() {
			if asked++; asked == at {
				pushed = true
				r.registry.Edit(func(w *world.World) { w.Repository("app").Tags["v1.0"] = image })
			}
		}}
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if left := r.registry.World().Repositories["app"]; pushed && (left.Tags["v1.0"] == "" || left.Manifests[image] == nil || result.Counts[journal.Changed] != 1) {
			t.Errorf("pushed while the archive was asked for the %dth time: %v, left are %v", at, result.Counts, left.Tags)
		}
	}
}
