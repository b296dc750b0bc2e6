// Package draw lets rapid draw worlds, so that a failing one is shrunk and its
// seed printed. It stands beside package world because importing rapid adds
// flags to every binary.
//
// It draws what world generates and nothing else.
package draw

import (
	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// World draws a world.
func World(t *rapid.T, options world.Options) *world.World {
	return world.Generate(source{t}, options)
}

type source struct{ t *rapid.T }

func (s source) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "n") }
