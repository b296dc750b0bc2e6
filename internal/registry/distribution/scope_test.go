package distribution_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// Reading asks for a token that can only pull, deleting for one that can
// delete, before the first request needs it; a token service that knows no
// "delete" is asked for everything (Quay).
func TestScopes(t *testing.T) {
	for name, c := range map[string]struct {
		knowsDelete bool
		scopes      []string
	}{
		"as specified":          {true, []string{"repository:app:pull", "repository:app:delete,pull,push"}},
		"delete is not a scope": {false, []string{"repository:app:pull", "repository:app:delete,pull,push", "repository:app:*"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				scope := req.FormValue("scope")
				asked = append(asked, scope)
				if strings.Contains(scope, "delete") && !c.knowsDelete {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				fmt.Fprintf(w, `{"token":%q}`, scope)
			}))
			defer tokens.Close()
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
				switch {
				case token == "":
					w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, tokens.URL))
					w.WriteHeader(http.StatusUnauthorized)
				case req.Method == http.MethodDelete && !strings.Contains(token, "delete") && !strings.Contains(token, "*"):
					w.WriteHeader(http.StatusForbidden)
				case req.Method == http.MethodDelete:
					w.WriteHeader(http.StatusAccepted)
				default:
					fmt.Fprint(w, listing("tags", "v1"))
				}
			})
			r := open(t, s.URL)
			if _, err := tagNames(t, r, "app"); err != nil {
				t.Error(err)
			}
			for range 2 {
				if err := mutator(t, r).Untag(t.Context(), mutate.Tag{Repository: "app", Name: "v1"}); err != nil {
					t.Error(err)
				}
			}
			if asked = slices.Compact(asked); len(asked) < len(c.scopes) || !slices.Equal(asked[:len(c.scopes)], c.scopes) {
				t.Errorf("asked for %q, want %q", asked, c.scopes)
			}
		})
	}
}
