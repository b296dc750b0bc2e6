package app

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/adapters"
	"github.com/regkeep/regkeep/internal/registry/adapters/mutators"
	"github.com/regkeep/regkeep/internal/registry/credentials"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// opened is one registry that was signed in to.
type opened struct {
	info        registry.Info
	reader      registry.Reader
	source      adapters.Registry
	concurrency int // what the user set; 0: nothing
}

func (o *opened) requests() int64 {
	if o.source.Requests == nil {
		return 0
	}
	return o.source.Requests()
}

func (o *opened) close() {
	if closer, ok := registry.As[interface{ Close() }](o.reader); ok {
		closer.Close()
	}
}

// mutator is called by what changes a registry and by the doctor.
func (o *opened) mutator(ctx context.Context) (mutate.Mutator, error) {
	return mutators.Open(ctx, o.source)
}

// open reaches a registry, which includes the sign-in.
func (a *App) open(ctx context.Context, target Target) (*opened, error) {
	endpoint, err := a.endpoint(target)
	if err != nil {
		return nil, err
	}
	return a.reach(ctx, endpoint)
}

// openFor is open for who is going to read what is chosen.
func (a *App) openFor(ctx context.Context, chosen selection) (*opened, error) {
	endpoint, err := a.endpoint(chosen.target)
	if err != nil {
		return nil, err
	}
	endpoint.Whole = chosen.all
	return a.reach(ctx, endpoint)
}

func (a *App) reach(ctx context.Context, endpoint registry.Endpoint) (*opened, error) {
	if endpoint.Kind != "" && !slices.Contains(adapters.Kinds(), endpoint.Kind) {
		return nil, misuse("registry %s: kind %q is not one of %s", endpoint.Name, endpoint.Kind, strings.Join(adapters.Kinds(), ", "))
	}
	found, err := adapters.Open(ctx, endpoint, wrap.WithEvents(a.opts.Events))
	if err != nil {
		return nil, advise(endpoint.Name, err)
	}
	return &opened{info: found.Info, reader: found.Reader, source: found, concurrency: endpoint.Concurrency}, nil
}

// endpoint is how to reach a target: the configuration, with what the user
// says in front of it.
func (a *App) endpoint(target Target) (registry.Endpoint, error) {
	endpoint := registry.Endpoint{Name: target.Name, Address: target.Name}
	sources := []registry.CredentialSource{credentials.Default()}
	if target.Configured {
		configured, known := a.file.Registry(target.Name)
		if !known {
			return endpoint, fmt.Errorf("registry %s is not in the configuration", target.Name)
		}
		endpoint = configured.Endpoint
		if own := configured.Credentials(); own != nil {
			sources = []registry.CredentialSource{own}
		}
	}
	endpoint.Credentials = credentials.First(sources...)
	c := a.opts.Connection
	if c.PlainHTTP {
		endpoint.PlainHTTP, endpoint.ForceTLS = true, false
	}
	if c.CAFile != "" {
		endpoint.CAFile = c.CAFile
	}
	if c.InsecureSkipVerify {
		endpoint.InsecureSkipVerify = true
	}
	if c.ClientCert != "" {
		endpoint.ClientCert, endpoint.ClientKey = c.ClientCert, c.ClientKey
	}
	if c.Concurrency > 0 {
		endpoint.Concurrency = c.Concurrency
	}
	if c.Rate > 0 {
		endpoint.Rate = c.Rate
	}
	if c.Timeout > 0 {
		endpoint.Timeout = c.Timeout
	}
	return endpoint, nil
}

// reopen reaches the registry that a plan is for. A bare host is reached in
// the way the plan reached it, so that flags need not be repeated; a
// configured name is reached as the configuration says now, and apply compares.
func (a *App) reopen(ctx context.Context, info registry.Info) (*opened, error) {
	target, err := ParseTarget(a.file, info.Name)
	if err != nil {
		return nil, &Failure{Kind: Refused, Err: fmt.Errorf("the plan is for registry %s: %w", info.Name, err), Next: "Name the configuration file with -f"}
	}
	endpoint, err := a.endpoint(target)
	if err != nil {
		return nil, err
	}
	if planned, err := url.Parse(info.URL); err == nil && !target.Configured && planned.Host == info.Name {
		endpoint.PlainHTTP = endpoint.PlainHTTP || planned.Scheme == "http"
		endpoint.ForceTLS = planned.Scheme == "https" && !endpoint.PlainHTTP
	}
	if endpoint.Kind == "" {
		endpoint.Kind = info.Kind
	}
	found, err := a.reach(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	if found.info.URL != info.URL {
		found.close()
		return nil, refused("the plan is for another registry: it names %s at %s, and %s is at %s here", info.Name, info.URL, info.Name, found.info.URL)
	}
	return found, nil
}

// reopenAll reaches every registry that the plan has steps for.
func (a *App) reopenAll(ctx context.Context, p *plan.Stored) (*session, error) {
	var infos []registry.Info
	for _, info := range p.Header.Registries {
		if p.StepsIn(info.Name) {
			infos = append(infos, info)
		}
	}
	return a.reopenEach(ctx, infos)
}

func (a *App) reopenEach(ctx context.Context, infos []registry.Info) (*session, error) {
	s := &session{}
	for _, info := range infos {
		found, err := a.reopen(ctx, info)
		if err != nil {
			s.close()
			return nil, err
		}
		s.opened = append(s.opened, found)
	}
	return s, nil
}
