package distribution_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// Where every repository is going to be read, their list and that of the first
// one's tags are asked for once: whoever lists gets what was begun, goes on with
// its next page, and asks anew the next time.
func TestAListingThatWasBegunIsUsedOnce(t *testing.T) {
	var tags atomic.Int64
	tags.Store(1500)
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		names := sequence(0, int(tags.Load()))
		switch req.URL.Path {
		case "/v2/":
		case "/v2/_catalog":
			fmt.Fprint(w, listing("repositories", "app", "web"))
		case "/v2/app/tags/list":
			n, _ := strconv.Atoi(req.FormValue("n"))
			after, _ := slices.BinarySearch(names, req.FormValue("last")+"\x00")
			page := names[after:min(len(names), after+n)]
			if after+n < len(names) {
				w.Header().Set("Link", fmt.Sprintf(`</v2/app/tags/list?n=%d&last=%s>; rel="next"`, n, page[len(page)-1]))
			}
			fmt.Fprint(w, listing("tags", page...))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	asked := func(path string) (n int) {
		for _, request := range s.requests() {
			if strings.HasPrefix(request, "GET "+path) {
				n++
			}
		}
		return n
	}
	for whole, want := range map[bool][2]int{false: {2, 2}, true: {1, 2}} {
		tags.Store(1500)
		s.asked = nil
		r := openAt(t, registry.Endpoint{Name: "test", Address: s.URL, Whole: whole})
		info, err := r.Describe(t.Context())
		if err != nil || info.Capabilities.Catalog != registry.SupportYes || info.Capabilities.Referrers != registry.SupportNo {
			t.Errorf("%+v, %v", info, err)
		}
		repositories, err := collect(r.Repositories(t.Context()))
		if err != nil || !slices.Equal(repositories, []string{"app", "web"}) {
			t.Errorf("%q, %v", repositories, err)
		}
		names, err := tagNames(t, r, "app")
		if err != nil || !slices.Equal(names, sequence(0, 1500)) {
			t.Errorf("%d tags, %v", len(names), err)
		}
		if got := [2]int{asked("/v2/_catalog"), asked("/v2/app/tags/list")}; got != want {
			t.Errorf("whole %v: catalog and tags asked for %v times, want %v", whole, got, want)
		}
		tags.Store(3)
		if names, err := tagNames(t, r, "app"); err != nil || len(names) != 3 {
			t.Errorf("then %d tags, %v", len(names), err)
		}
	}
}

// What goes wrong when a listing is begun is told to who lists, who asks again.
func TestAListingThatCouldNotBeBegun(t *testing.T) {
	var refused atomic.Int64
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/v2/":
		case "/v2/_catalog":
			fmt.Fprint(w, listing("repositories", "app"))
		default:
			if refused.Add(1) <= 2 {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			fmt.Fprint(w, listing("tags", "a"))
		}
	})
	r := openAt(t, registry.Endpoint{Name: "test", Address: s.URL, Whole: true})
	if _, err := r.Describe(t.Context()); err != nil {
		t.Error(err)
	}
	refused.Store(2)
	if names, err := tagNames(t, r, "app"); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}

// A first page that has waited for too long is asked for again.
func TestAListingThatWasBegunLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		wire := roundTrip(func(req *http.Request) (*http.Response, error) {
			body := "{}"
			if req.URL.Path == "/v2/_catalog" {
				pages++
				body = listing("repositories", fmt.Sprint("app", pages))
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
		})
		for _, c := range []struct {
			waited time.Duration
			pages  int
		}{{9 * time.Second, 1}, {11 * time.Second, 2}} {
			pages = 0
			r, err := distribution.New(registry.Endpoint{Name: "test", Address: "http://r.example", Whole: true}, wrap.WithTransport(wire))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Describe(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.waited)
			names, err := collect(r.Repositories(t.Context()))
			if err != nil || pages != c.pages || !slices.Equal(names, []string{fmt.Sprint("app", pages)}) {
				t.Errorf("after %v: %q of %d pages, want those of the last of %d; %v", c.waited, names, pages, c.pages, err)
			}
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
