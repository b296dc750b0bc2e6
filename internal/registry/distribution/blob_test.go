package distribution_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// A blob is looked for with HEAD, and opened only where that tells neither yes
// nor no; a failure is never taken for a no.
func TestHasBlob(t *testing.T) {
	digest := oci.FromBytes([]byte("x"))
	for name, c := range map[string]struct {
		head, get int
		there     bool
		err       error
		asked     []string
	}{
		"there":                {200, 0, true, nil, []string{"HEAD"}},
		"not there":            {404, 0, false, nil, []string{"HEAD"}},
		"no HEAD, there":       {405, 200, true, nil, []string{"HEAD", "GET"}},
		"no HEAD, not there":   {405, 404, false, nil, []string{"HEAD", "GET"}},
		"a store behind it":    {403, 200, true, nil, []string{"HEAD", "GET"}},
		"a teapot":             {418, 200, false, registry.ErrMalformed, []string{"HEAD"}},
		"nobody may look here": {403, 403, false, registry.ErrDenied, []string{"HEAD", "GET"}},
	} {
		var asked []string
		s := serve(t, func(w http.ResponseWriter, req *http.Request) {
			asked = append(asked, req.Method)
			status := c.get
			if req.Method == http.MethodHead {
				status = c.head
			}
			w.WriteHeader(status)
			if req.Method == http.MethodGet && status == http.StatusOK {
				io.WriteString(w, "x")
			} else {
				io.WriteString(w, document("DENIED"))
			}
		})
		there, err := registry.HasBlob(t.Context(), open(t, s.URL), "app", digest)
		if there != c.there || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v, %v", name, there, err)
		}
		if !slices.Equal(asked, c.asked) {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
}
