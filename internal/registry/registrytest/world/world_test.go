package world_test

import (
	"testing"

	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// What is pushed is what is read back, on every registry.
func TestWorldsComeBackFromEveryRegistry(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			for seed := range uint64(3) {
				w := world.FromSeed(seed, starter.World())
				host := starter.Start(t).Host
				if err := w.Push(t.Context(), host); err != nil {
					t.Fatalf("seed %d, %v: %v", seed, w, err)
				}
				got, err := world.Read(t.Context(), host, w.Digests())
				if err != nil {
					t.Fatal(err)
				}
				for _, problem := range world.Check(w.State(), got, world.Expectation{}) {
					t.Errorf("seed %d: lost on the way: %s", seed, problem)
				}
				for _, problem := range world.Check(got, w.State(), world.Expectation{}) {
					if !starter.Referrers {
						t.Errorf("seed %d: appeared on the way: %s", seed, problem)
					}
				}
			}
		})
	}
}
