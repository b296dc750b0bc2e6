// Package demo is a company that never was, with a registry full of images of
// many ages: what `regkeep demo` plans, applies and undoes on.
//
// It promises a real registry on a loopback port of its own that is gone,
// with everything in it, when it is closed. It knows no policy and no plan;
// it pushes as any client does.
package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// Registry is the company's registry.
type Registry struct {
	Host    string
	Version string // of the CNCF distribution registry
	Images  int
	close   func() error
}

// Start starts a registry and fills it with images as old as they say at now.
func Start(ctx context.Context, now time.Time) (*Registry, error) {
	running, err := server.StartDistribution(ctx, server.Options{})
	if err != nil {
		return nil, fmt.Errorf("start the registry of the demonstration: %w", err)
	}
	r := &Registry{Host: running.Host, Version: running.Version, close: running.Close}
	p := newPusher(ctx, running.Host, now)
	company(p)
	if p.err != nil {
		return nil, fmt.Errorf("fill the registry of the demonstration: %w", p.err)
	}
	r.Images = p.images
	return r, nil
}

// Close ends the registry and frees everything in it.
func (r *Registry) Close() error { return r.close() }
