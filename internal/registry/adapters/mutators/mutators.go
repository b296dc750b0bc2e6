// Package mutators is the list of the kinds of registry that regkeep can
// change: the other half of package adapters, apart from it so that the import
// graph shows who may hold a mutator.
//
// It promises that a mutator shares connections, sign-in and request count
// with the reader that it was opened from. It knows of each kind only how to
// build it.
package mutators

import (
	"context"
	"fmt"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/adapters"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/nexus"
)

// all is the list: for each kind how to make a mutator from its reader.
var all = map[string]func(ctx context.Context, reader registry.Reader) (mutate.Mutator, error){
	distribution.Kind: func(_ context.Context, reader registry.Reader) (mutate.Mutator, error) {
		return from(reader, distribution.NewMutator)
	},
	nexus.Kind: func(_ context.Context, reader registry.Reader) (mutate.Mutator, error) {
		return from(reader, func(r *nexus.Registry) (mutate.Mutator, error) { return nexus.NewMutator(r), nil })
	},
}

// Open makes the mutator of a registry that was opened for reading. It sends
// nothing.
func Open(ctx context.Context, opened adapters.Registry) (mutate.Mutator, error) {
	build, found := all[opened.Info.Kind]
	if !found {
		return nil, fmt.Errorf("registry %s: registries of kind %q cannot be changed", opened.Info.Name, opened.Info.Kind)
	}
	return build(ctx, opened.Reader)
}

// from finds the adapter's own reader below whatever wraps it.
func from[R any](reader registry.Reader, build func(R) (mutate.Mutator, error)) (mutate.Mutator, error) {
	own, ok := registry.As[R](reader)
	if !ok {
		return nil, fmt.Errorf("a reader of type %T has no mutator of its kind", reader)
	}
	return build(own)
}
