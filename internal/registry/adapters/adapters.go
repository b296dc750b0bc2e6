// Package adapters is the list of the kinds of registry that regkeep reads,
// and the one place that picks from it; package mutators beside it is the list
// of those that it changes.
//
// It promises that nothing registers itself: what is not in the list does not
// exist. It knows of each kind only how to build it and how to recognise it.
package adapters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// Registry is one registry that is ready to be read.
type Registry struct {
	Info     registry.Info
	Reader   registry.Reader
	Requests func() int64 // HTTP requests sent so far, of any kind
}

// adapter is one kind of registry.
type adapter struct {
	kind string
	open func(endpoint registry.Endpoint, opts ...wrap.Option) (Registry, error)
	// detect asks a base URL once whether it is of this kind; nil for the
	// fallback, which every registry is.
	detect func(ctx context.Context, endpoint registry.Endpoint) (bool, error)
}

// all is the list. Kinds that can be detected are asked in this order.
var all = []adapter{
	{kind: nexus.Kind, open: openNexus, detect: nexus.Detect},
	{kind: distribution.Kind, open: openDistribution},
}

// Kinds names every kind that Endpoint.Kind may be.
func Kinds() []string {
	var kinds []string
	for _, a := range all {
		kinds = append(kinds, a.kind)
	}
	return kinds
}

// Open finds the adapter for an endpoint, builds it and has it describe the
// registry, which is also where the sign-in happens. A HOST[:PORT] without a
// kind speaks the distribution API; a URL is asked what it is.
func Open(ctx context.Context, endpoint registry.Endpoint, opts ...wrap.Option) (Registry, error) {
	chosen, err := choose(ctx, endpoint)
	if err != nil {
		return Registry{}, err
	}
	opened, err := chosen.open(endpoint, opts...)
	if err != nil {
		return Registry{}, err
	}
	describer, ok := registry.As[registry.Describer](opened.Reader)
	if !ok {
		return opened, nil
	}
	info, err := describer.Describe(ctx)
	if err != nil {
		return Registry{}, err
	}
	if endpoint.Name != "" {
		info.Name = endpoint.Name
	}
	opened.Info = info
	return opened, nil
}

func choose(ctx context.Context, endpoint registry.Endpoint) (adapter, error) {
	if endpoint.Kind != "" {
		at := slices.IndexFunc(all, func(a adapter) bool { return a.kind == endpoint.Kind })
		if at < 0 {
			return adapter{}, fmt.Errorf("registry %s: kind %q is not one of %s", endpoint.Name, endpoint.Kind, strings.Join(Kinds(), ", "))
		}
		return all[at], nil
	}
	if strings.Contains(endpoint.Address, "://") {
		for _, candidate := range all {
			if candidate.detect == nil {
				continue
			}
			is, err := candidate.detect(ctx, endpoint)
			if err != nil {
				return adapter{}, err
			}
			if is {
				return candidate, nil
			}
		}
	}
	return all[slices.IndexFunc(all, func(a adapter) bool { return a.kind == distribution.Kind })], nil
}

func openDistribution(endpoint registry.Endpoint, opts ...wrap.Option) (Registry, error) {
	reader, err := distribution.New(endpoint, opts...)
	if err != nil {
		return Registry{}, err
	}
	return Registry{
		Info:     registry.Info{Name: endpoint.Name, URL: reader.URL(), Kind: distribution.Kind},
		Reader:   reader,
		Requests: reader.Requests,
	}, nil
}

func openNexus(endpoint registry.Endpoint, opts ...wrap.Option) (Registry, error) {
	reader, err := nexus.New(endpoint, opts...)
	if err != nil {
		return Registry{}, err
	}
	return Registry{
		Info:     registry.Info{Name: endpoint.Name, URL: reader.URL(), Kind: nexus.Kind},
		Reader:   reader,
		Requests: reader.Requests,
	}, nil
}
