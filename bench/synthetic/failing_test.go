package synthetic

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSomeRequestsFail(t *testing.T) {
	for part, want := range map[float64]int{0: http.StatusOK, 1: http.StatusBadGateway} {
		server := httptest.NewServer(New(Shape{Repositories: 1, Tags: 1, Failing: part}))
		defer server.Close()
		if response, _ := get(t, server.URL, "/v2/repo-00000/manifests/t-0000000"); response.StatusCode != want {
			t.Errorf("%v failing: a manifest is answered %d", part, response.StatusCode)
		}
		if response, _ := get(t, server.URL, "/v2/repo-00000/tags/list"); response.StatusCode != http.StatusOK {
			t.Errorf("%v failing: the list is answered %d", part, response.StatusCode)
		}
	}
}
