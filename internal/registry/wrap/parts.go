package wrap

import (
	"net/http"

	"github.com/regkeep/regkeep/internal/event"
)

// Parts tells what options ask for, to adapters that put the parts of this
// package together in another way than Connect. The transport is nil where the
// endpoint's own is wanted.
func Parts(opts ...Option) (events event.Handler, transport http.RoundTripper) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o.events, o.transport
}
