package wrap

import (
	"fmt"
	"net/http"

	"github.com/regkeep/regkeep/internal/registry"
)

// ReadOnly refuses every request that is not GET, HEAD or OPTIONS before it is
// sent. It belongs above the sign-in, whose POST to a token service changes
// nothing and is made below it.
func ReadOnly(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		switch req.Method {
		case "", http.MethodGet, http.MethodHead, http.MethodOptions:
			return next.RoundTrip(req)
		}
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &registry.Error{
			Kind: registry.ErrUnsupported, Op: "send", Registry: req.URL.Host,
			Message: fmt.Sprintf("%s through a connection that only reads", req.Method),
		}
	})
}
