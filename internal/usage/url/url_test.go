package url

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnAddressListsImages(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list":
			_, _ = w.Write([]byte("r.example.com/a:1 rack 7\n"))
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("r.example.com/a:1\n"))
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	defer server.Close()
	find := func(path string) (map[string]string, error) {
		got := map[string]string{}
		err := Finder{Address: server.URL + path}.Find(t.Context(), func(image, what string) { got[image] = what })
		return got, err
	}
	if got, err := find("/list?token=hush"); err != nil || got["r.example.com/a:1"] != "rack 7" {
		t.Errorf("list: %v, %v", got, err)
	}
	for _, path := range []string{"/cut?token=hush", "/denied?token=hush"} {
		_, err := find(path)
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: err = %v", path, err)
		}
	}
	server.Close()
	if _, err := find("/list?token=hush"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("server down: err = %v", err)
	}
}
