package url

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
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

func TestTheAgeOfAnAddress(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if modified := r.URL.Query().Get("modified"); modified != "" {
			w.Header().Set("Last-Modified", modified)
		}
		_, _ = io.WriteString(w, "r.example.com/a:1\n"+r.URL.Query().Get("more"))
	}))
	defer server.Close()
	for query, fresh := range map[string]bool{
		"": false,
		"modified=" + url.QueryEscape(now.Add(-time.Minute).Format(http.TimeFormat)): true,
		"modified=" + url.QueryEscape(now.Add(-2*time.Hour).Format(http.TimeFormat)): false,
		"modified=" + url.QueryEscape(now.Add(2*time.Hour).Format(http.TimeFormat)):  false,
		"modified=yesterday": false,
		"more=" + url.QueryEscape("# as of 2026-11-01T11:59:00Z\n"): true,
	} {
		f := Finder{Address: server.URL + "?" + query, Freshness: usage.Freshness{MaxAge: time.Hour, Now: now}}
		if err := f.Find(t.Context(), func(string, string) {}); (err == nil) != fresh {
			t.Errorf("%q: %v, want fresh: %v", query, err, fresh)
		}
	}
}
