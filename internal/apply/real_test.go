package apply_test

import (
	"context"
	"testing"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// connect reaches a registry as regkeep does.
func connect(ctx context.Context, host string) (registry.Info, apply.Registry, error) {
	reader, err := distribution.New(registry.Endpoint{Name: host, Address: host})
	if err != nil {
		return registry.Info{}, apply.Registry{}, err
	}
	info, err := reader.Describe(ctx)
	if err != nil {
		return registry.Info{}, apply.Registry{}, err
	}
	mutator, err := distribution.NewMutator(reader)
	info.Name = host
	return info, apply.Registry{Reader: reader, Mutator: mutator}, err
}

// Random worlds on real registries, read back over plain HTTP by independent
// code.
func TestRealRegistries(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			for seed := range uint64(6) {
				host := starter.Start(t).Host
				w := world.FromSeed(seed, starter.World())
				if err := w.Push(t.Context(), host); err != nil {
					t.Fatal(err)
				}
				before, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				info, given, err := connect(t.Context(), host)
				if err != nil {
					t.Fatal(err)
				}
				remove := applytest.Remove{}
				for i, name := range w.Names() {
					for j, tag := range applytest.Roots(w.Repositories[name]) {
						if (seed+uint64(i+j))%3 > 0 {
							remove[name] = append(remove[name], tag)
						}
					}
				}
				p, expected := applytest.Plan(w, info, remove, w.Now)
				state := applytest.NewState(applytest.Failure{})
				clock := &clock{now: w.Now}
				result, err := applytest.Run(t.Context(), apply.Request{
					Plan: applytest.InMemory{Plan: p}, Journal: state, Locks: state, Memory: state, Archive: state, Now: clock.Now, Sleep: clock.Sleep,
					Verify: apply.VerifyBlobs, Registries: map[string]apply.Registry{host: given},
				})
				if err != nil {
					t.Fatal(err)
				}
				for i, o := range result.Outcomes {
					s := p.Steps[i]
					switch {
					case o.Status == journal.Blocked && s.Action == plan.Untag && starter.Kind == "docker-registry":
						delete(expected.Removed, world.Ref{Repository: s.Repository, Tag: s.Tag})
					case o.Status != journal.Done:
						t.Errorf("seed %d: %s %s%s is %s (%s)", seed, s.Action, s.Tag, s.Digest, o.Status, o.Error)
					}
				}
				if result.Damaged {
					t.Errorf("seed %d: %+v", seed, result.Verifications)
				}
				after, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				for _, problem := range world.Check(before, after, expected) {
					t.Errorf("seed %d: %s", seed, problem)
				}
			}
		})
	}
}
