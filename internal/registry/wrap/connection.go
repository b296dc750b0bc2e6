package wrap

import (
	"context"
	"net/http"
	"net/url"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
)

// Connection is the way to one registry. Its clients share connections,
// tokens, pace and count; they are safe for concurrent use.
type Connection struct {
	base     *url.URL
	counter  Counter
	throttle *Throttle
	auth     *signIn
	reading  *http.Client
	changing *http.Client
	idle     func()
}

// Option adjusts a Connection.
type Option func(*options)

type options struct {
	events    event.Handler
	transport http.RoundTripper
}

// WithEvents sends event.Waiting to handler whenever a registry asks for
// patience.
func WithEvents(handler event.Handler) Option {
	return func(o *options) { o.events = handler }
}

// WithTransport replaces the transport that opens connections (tests).
func WithTransport(transport http.RoundTripper) Option {
	return func(o *options) { o.transport = transport }
}

// Connect builds the way to a registry and sends nothing.
func Connect(endpoint registry.Endpoint, opts ...Option) (*Connection, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	base, err := BaseURL(endpoint)
	if err != nil {
		return nil, err
	}
	c := &Connection{base: base, idle: func() {}}
	wire := o.transport
	if wire == nil {
		transport, err := Transport(endpoint)
		if err != nil {
			return nil, err
		}
		wire, c.idle = transport, transport.CloseIdleConnections
	}
	wire = c.counter.Transport(wire)
	c.throttle = NewThrottle(wire, endpoint.Concurrency, endpoint.Rate)
	wire = NewRetry(c.throttle, waitingAt(endpoint, base, o.events))
	c.auth = newSignIn(wire, base, endpoint.Credentials)
	c.reading = &http.Client{Transport: ReadOnly(c.auth), CheckRedirect: lastResponse}
	c.changing = &http.Client{Transport: c.auth, CheckRedirect: lastResponse}
	return c, nil
}

func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func waitingAt(endpoint registry.Endpoint, base *url.URL, events event.Handler) func(seconds float64, why string) {
	name := endpoint.Name
	if name == "" {
		name = base.Host
	}
	return func(seconds float64, why string) {
		events.Emit(event.Waiting{Registry: name, Seconds: seconds, Why: why})
	}
}

// Base is a copy of the base URL; paths are joined to it.
func (c *Connection) Base() *url.URL {
	base := *c.base
	return &base
}

// Reading is the client that can only read.
func (c *Connection) Reading() *http.Client { return c.reading }

// Changing is the client that can change the registry.
func (c *Connection) Changing() *http.Client { return c.changing }

// Requests is how many requests were sent so far, of any kind.
func (c *Connection) Requests() int64 { return c.counter.Requests() }

// User is the name that requests sign in with, "" when none was needed or
// found so far.
func (c *Connection) User() string { return c.auth.user() }

// Close drops idle connections.
func (c *Connection) Close() { c.idle() }

type streamingKey struct{}

// Streaming marks a request whose body is read slowly, while other requests
// are made: it leaves its place in the throttle when the headers are there.
func Streaming(ctx context.Context) context.Context {
	return context.WithValue(ctx, streamingKey{}, true)
}
