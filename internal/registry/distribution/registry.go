package distribution

import (
	"sync"
	"sync/atomic"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// Kind is what registry.Endpoint and registry.Info call this adapter.
const Kind = "distribution"

// Registry reads one registry. It implements registry.Reader,
// registry.ReferrerLister and registry.Describer.
type Registry struct {
	name       string
	connection *wrap.Connection
	pageSize   atomic.Int64 // most names that the registry gives at once
	referrers  atomic.Uint32
	whole      bool // as Endpoint.Whole says

	beginning sync.Mutex
	begun     map[string]begun // listings by the path that is asked for
}

var (
	_ registry.Reader         = (*Registry)(nil)
	_ registry.ReferrerLister = (*Registry)(nil)
	_ registry.Describer      = (*Registry)(nil)
)

// New prepares reading a registry and sends nothing.
func New(endpoint registry.Endpoint, opts ...wrap.Option) (*Registry, error) {
	connection, err := wrap.Connect(endpoint, opts...)
	if err != nil {
		return nil, err
	}
	r := &Registry{name: endpoint.Name, connection: connection, whole: endpoint.Whole, begun: map[string]begun{}}
	if r.name == "" {
		r.name = connection.Base().Host
	}
	r.pageSize.Store(largestPage)
	return r, nil
}

// Requests is how many HTTP requests were sent to this registry so far, by the
// reader and the mutator made from it, with token requests and retries.
func (r *Registry) Requests() int64 { return r.connection.Requests() }

// Places is how many requests the registry takes at once, as far as that has
// turned out by now.
func (r *Registry) Places() int { return r.connection.Places() }

// URL is the registry's base URL.
func (r *Registry) URL() string { return r.connection.Base().String() }

// Close drops idle connections.
func (r *Registry) Close() { r.connection.Close() }
