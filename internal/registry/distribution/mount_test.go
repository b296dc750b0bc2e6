package distribution_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
)

// A blob is had without sending it where the registry does that; where it
// opens an upload instead, that is given up, and anything else is an error.
func TestMountBlob(t *testing.T) {
	digest := oci.FromBytes([]byte("x"))
	for status, want := range map[int]error{
		http.StatusCreated: nil, http.StatusAccepted: registry.ErrUnsupported,
		http.StatusNotFound: registry.ErrNotFound, http.StatusForbidden: registry.ErrDenied,
	} {
		var asked []string
		s := serve(t, func(w http.ResponseWriter, req *http.Request) {
			asked = append(asked, req.Method+" "+req.URL.String())
			if req.Method == http.MethodDelete {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Location", "/v2/held/app/blobs/uploads/17?_state=a")
			w.WriteHeader(status)
			io.WriteString(w, document("DENIED"))
		})
		mounter, ok := mutator(t, open(t, s.URL)).(*distribution.Mutator)
		if !ok {
			t.Fatal("no distribution mutator")
		}
		if err := mounter.MountBlob(t.Context(), "held/app", "app", digest); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%d: got %v", status, err)
		}
		expected := []string{"POST /v2/held/app/blobs/uploads/?from=app&mount=sha256%3A" + digest.Hex()}
		if status == http.StatusAccepted {
			expected = append(expected, "DELETE /v2/held/app/blobs/uploads/17?_state=a")
		}
		if !slices.Equal(asked, expected) {
			t.Errorf("%d: asked %q", status, asked)
		}
	}
}
