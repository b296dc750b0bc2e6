package apply_test

import (
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// vendors are the habits that tables run under.
var vendors = map[string]memory.Options{
	"plain":         {},
	"keeps tags":    {KeepsTags: true, NoReferrers: true},
	"cascades":      {Cascade: true},
	"no referrers":  {NoReferrers: true},
	"vague":         {VagueTags: true, NoReferrers: true},
	"told in lists": {Rich: true, Untagged: true, PushTimes: true, PullTimes: true, CountPulls: true},
}

func TestExactlyThePlanIsGone(t *testing.T) {
	for name, options := range vendors {
		t.Run(name, func(t *testing.T) {
			w, remove := company(options.NoReferrers)
			r := newRig(t, w, remove, options)
			result := r.apply(t)
			if !options.Cascade {
				allDone(t, result)
			}
			r.check(t, "after", false)
			if len(result.Verifications) == 0 {
				t.Error("nothing was verified")
			}
			again := r.apply(t)
			for _, o := range again.Outcomes {
				if o.Status != journal.AlreadyGone {
					t.Errorf("applied twice: step %d is %s (%s)", o.Seq, o.Status, o.Error)
				}
			}
		})
	}
}

// Whatever the world, what the plan names goes and nothing else.
func TestRandomWorlds(t *testing.T) {
	for seed := range uint64(300) {
		names := []string{"plain", "keeps tags", "no referrers", "told in lists"}
		options := vendors[names[seed%4]]
		w := world.FromSeed(seed, world.Options{Fallback: options.NoReferrers, Times: true})
		remove := applytest.Remove{}
		for i, name := range w.Names() {
			for j, tag := range applytest.Roots(w.Repositories[name]) {
				if (seed>>1+uint64(i+j)*7)%5 < 3 {
					remove[name] = append(remove[name], tag)
				}
			}
		}
		r := newRig(t, w, remove, options)
		r.concurrency = []int{1, 4, 64}[seed%3]
		req := r.request()
		req.Verify = []apply.Level{apply.VerifyTags, apply.VerifyManifests, apply.VerifyBlobs}[seed%3]
		result, err := applytest.Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		allDone(t, result)
		r.check(t, "after", false)
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, w)
		}
	}
}
