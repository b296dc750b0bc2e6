package nexus

import (
	"context"
	"net/http"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// dial makes the client for a base URL. It uses the parts of a wrap.Connection
// but not the whole: Nexus must be signed in to unasked, because some versions
// answer a stranger with empty lists, and its 429 must never be tried again.
func dial(endpoint registry.Endpoint, opts ...wrap.Option) (*client, error) {
	events, transport := wrap.Parts(opts...)
	base, err := wrap.BaseURL(endpoint)
	if err != nil {
		return nil, err
	}
	if transport == nil {
		if transport, err = wrap.Transport(endpoint); err != nil {
			return nil, err
		}
	}
	name := endpoint.Name
	if name == "" {
		name = base.Host + base.Path
	}
	c := &client{name: name, base: base, credentials: endpoint.Credentials, events: events, sleep: sleep}
	wire := wrap.NewThrottle(&door{next: c.counter.Transport(transport)}, endpoint.Concurrency, endpoint.Rate)
	c.reading = &http.Client{Transport: wrap.ReadOnly(wire), CheckRedirect: stay}
	c.following = &http.Client{Transport: wrap.ReadOnly(wire)}
	c.changing = &http.Client{Transport: wire, CheckRedirect: stay}
	return c, nil
}

// stay: a redirected DELETE would arrive as a GET, and credentials belong to
// the base URL.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
