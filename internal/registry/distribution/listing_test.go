package distribution_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
)

// paged answers a listing the way a registry with a quirk would.
type quirk struct {
	name    string
	names   []string
	answer  func(q quirk, w http.ResponseWriter, req *http.Request)
	prefix  string // path that the registry is reached under
	failure error  // what the listing must end with
	most    int    // requests; 0: not looked at
}

func (q quirk) after(last string, n int) []string {
	from := 0
	if last != "" {
		from = slices.Index(q.names, last) + 1
	}
	return q.names[from:min(len(q.names), from+n)]
}

// linked pages by n and last and makes its Link with link, from the query.
func linked(link func(req *http.Request, query string) string) func(quirk, http.ResponseWriter, *http.Request) {
	return func(q quirk, w http.ResponseWriter, req *http.Request) {
		n, _ := strconv.Atoi(req.FormValue("n"))
		n = min(n, 100)
		page := q.after(req.FormValue("last"), n)
		if len(page) > 0 && page[len(page)-1] != q.names[len(q.names)-1] {
			w.Header().Set("Link", link(req, fmt.Sprintf("n=%d&last=%s", n, page[len(page)-1])))
		}
		fmt.Fprint(w, listing("tags", page...))
	}
}

func plain(text string) func(quirk, http.ResponseWriter, *http.Request) {
	return func(_ quirk, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func everything(q quirk, w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, listing("tags", q.names...))
}

var quirks = []quirk{
	{name: "relative link", names: sequence(0, 250), most: 3, answer: linked(func(req *http.Request, query string) string {
		return "<" + req.URL.Path + "?" + query + `>; rel="next"`
	})},
	{name: "link with a query alone", names: sequence(0, 250), most: 3, answer: linked(func(_ *http.Request, query string) string {
		return "<?" + query + ">; rel=next"
	})},
	{name: "absolute link", names: sequence(0, 250), most: 3, answer: linked(func(req *http.Request, query string) string {
		return "<http://" + req.Host + req.URL.Path + "?" + query + `>; rel="next"`
	})},
	{name: "link with the scheme that a proxy hid", names: sequence(0, 250), most: 3, answer: linked(func(req *http.Request, query string) string {
		return "<https://" + req.Host + req.URL.Path + "?" + query + `>; rel="next"`
	})},
	{name: "link without the path prefix (Nexus 3.71)", names: sequence(0, 250), most: 3, prefix: "/repository/docker", answer: linked(func(_ *http.Request, query string) string {
		return "</v2/app/tags/list?" + query + `>; rel="next"`
	})},
	{name: "other links before", names: sequence(0, 250), most: 3, answer: linked(func(req *http.Request, query string) string {
		return `</first>; rel="first", <` + req.URL.Path + "?" + query + `>; title=x; rel="next"`
	})},
	{name: "opaque continuation", names: sequence(0, 150), most: 2, answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		if req.FormValue("next_page") == "a+b/c=" {
			fmt.Fprint(w, listing("tags", q.names[100:]...))
			return
		}
		w.Header().Set("Link", `</v2/app/tags/list?n=100&next_page=a%2Bb/c%3D>; rel="next"`)
		fmt.Fprint(w, listing("tags", q.names[:100]...))
	}},
	{name: "empty page with a link", names: sequence(0, 3), answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		if req.FormValue("last") == "" {
			w.Header().Set("Link", `</v2/app/tags/list?last=x>; rel="next"`)
			fmt.Fprint(w, `{"tags":[]}`)
			return
		}
		fmt.Fprint(w, listing("tags", q.names...))
	}},
	{name: "no paging, fewer than a page", names: sequence(0, 999), most: 1, answer: everything},
	{name: "no paging, more than a page", names: sequence(0, 1500), most: 1, answer: everything},
	{name: "no paging, exactly a page", names: sequence(0, 1000), answer: everything},
	{name: "n and last without a link", names: sequence(0, 2500), most: 3, answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		n, _ := strconv.Atoi(req.FormValue("n"))
		fmt.Fprint(w, listing("tags", q.after(req.FormValue("last"), n)...))
	}},
	{name: "n without last and without a link", names: sequence(0, 2500), answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		n, _ := strconv.Atoi(req.FormValue("n"))
		fmt.Fprint(w, listing("tags", q.after("", n)...))
	}},
	{name: "page of 1000 refused", names: sequence(0, 250), answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		if n, _ := strconv.Atoi(req.FormValue("n")); n > 100 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested"}]}`)
			return
		}
		linked(func(req *http.Request, query string) string {
			return "<" + req.URL.Path + "?" + query + `>; rel="next"`
		})(q, w, req)
	}},
	{name: "every page size refused", names: sequence(0, 7), most: 3, answer: func(q quirk, w http.ResponseWriter, req *http.Request) {
		if req.FormValue("n") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		everything(q, w, req)
	}},
	{name: "null", answer: plain(`{"name":"app","tags":null}`)},
	{name: "none", answer: plain(`{"name":"app","tags":[]}`)},
	{name: "names twice", names: []string{"a", "b"}, answer: plain(`{"name":"app","tags":["a","b","a"]}`)},
	{name: "digests among the tags", names: []string{"a"}, answer: plain(`{"tags":["a","sha256:` + strings.Repeat("ab", 32) + `"]}`)},

	{name: "another host", failure: registry.ErrMalformed, most: 1, answer: linkTo("<http://elsewhere.example/v2/app/tags/list?last=a>; rel=next")},
	{name: "another port", failure: registry.ErrMalformed, most: 1, answer: linkTo("<http://127.0.0.1:1/v2/app/tags/list?last=a>; rel=next")},
	{name: "another host without a scheme", failure: registry.ErrMalformed, most: 1, answer: linkTo("<//elsewhere.example/v2/app/tags/list?last=a>; rel=next")},
	{name: "link to the same page", failure: registry.ErrMalformed, most: 1, answer: linkTo("</v2/app/tags/list?n=1000>; rel=next")},
	{name: "link that ignores last", failure: registry.ErrMalformed, most: 2, answer: linkTo("</v2/app/tags/list?n=1000&last=a>; rel=next")},
	{name: "link without a query", failure: registry.ErrMalformed, most: 1, answer: linkTo("</v2/app/tags/list>; rel=next")},
	{name: "link cut off", failure: registry.ErrMalformed, most: 1, answer: linkTo("</v2/app/tags")},
	{name: "pages without end", failure: registry.ErrMalformed, most: 12, answer: func(_ quirk, w http.ResponseWriter, req *http.Request) {
		last, _ := strconv.Atoi(req.FormValue("last"))
		w.Header().Set("Link", fmt.Sprintf("</v2/app/tags/list?last=%d>; rel=next", last+1))
		fmt.Fprint(w, listing("tags", "a"))
	}},
	{name: "page two fails", failure: registry.ErrDenied, answer: secondPage(http.StatusForbidden)},
	{name: "page two gone (zot, when the last name was deleted)", failure: registry.ErrChanged, answer: secondPage(http.StatusNotFound)},
	{name: "page two broken", failure: registry.ErrUnavailable, answer: secondPage(http.StatusInternalServerError)},
	{name: "no list at all", failure: registry.ErrMalformed, answer: plain(`{}`)},
	{name: "list of something else", failure: registry.ErrMalformed, answer: plain(`{"tags":{"a":1}}`)},
	{name: "no JSON", failure: registry.ErrMalformed, answer: plain(`<html>sign in</html>`)},
	{name: "cut off", failure: registry.ErrMalformed, answer: plain(`{"tags":["a","b"`)},
	{name: "unknown repository", failure: registry.ErrNotFound, answer: func(_ quirk, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`)
	}},
	{name: "web page instead of a registry", failure: registry.ErrUnavailable, answer: func(_ quirk, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
	}},
}

func linkTo(link string) func(quirk, http.ResponseWriter, *http.Request) {
	return func(_ quirk, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", link)
		fmt.Fprint(w, listing("tags", "a"))
	}
}

func secondPage(status int) func(quirk, http.ResponseWriter, *http.Request) {
	return func(_ quirk, w http.ResponseWriter, req *http.Request) {
		if req.FormValue("last") != "" {
			w.WriteHeader(status)
			return
		}
		linkTo("</v2/app/tags/list?n=1000&last=a>; rel=next")(quirk{}, w, req)
	}
}

// A listing is complete or it fails: whatever the registry does, no name may
// be missing from a listing that ends without an error, because what is
// missing protects nothing.
func TestTagsAreCompleteOrFail(t *testing.T) {
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path != q.prefix+"/v2/app/tags/list" {
					t.Errorf("asked for %s", req.URL)
				}
				q.answer(q, w, req)
			})
			names, err := tagNames(t, open(t, s.URL+q.prefix), "app")
			if q.failure == nil && (err != nil || !slices.Equal(slices.Sorted(slices.Values(names)), q.names)) {
				t.Errorf("%d names, %v; want %d", len(names), err, len(q.names))
			}
			if q.failure != nil && !errors.Is(err, q.failure) {
				t.Errorf("%q, %v; want %v", names, err, q.failure)
			}
			if asked := len(s.requests()); q.most > 0 && asked > q.most {
				t.Errorf("%d requests for what %d can tell: %q", asked, q.most, s.requests()[:min(asked, 20)])
			}
		})
	}
}

func TestAListedNameThatIsNoTag(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"tags":["../../x","ok"]}`) })
	tags, err := collect(open(t, s.URL).Tags(t.Context(), "app"))
	if err != nil || len(tags) != 2 || tags[0].Problem == "" || tags[1].Problem != "" {
		t.Errorf("%+v, %v", tags, err)
	}
}

func TestPagesAreReadOnDemand(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		secondPage(http.StatusInternalServerError)(quirk{}, w, req)
	})
	for _, err := range open(t, s.URL).Tags(t.Context(), "app") {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if asked := s.requests(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
}

func TestCatalog(t *testing.T) {
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		want    []string
		failure error
		hint    string
	}{
		"zot's link, not escaped": {answer: func(w http.ResponseWriter, req *http.Request) {
			if req.FormValue("last") == "team/app" {
				fmt.Fprint(w, `{"repositories":["team/b"]}`)
				return
			}
			w.Header().Set("Link", `</v2/_catalog?n=1&last=team/app>; rel="next"`)
			fmt.Fprint(w, `{"repositories":["team/app"]}`)
		}, want: []string{"team/app", "team/b"}},
		"none (olareg)": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, failure: registry.ErrUnsupported, hint: "name them"},
		"none, as a page": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}, failure: registry.ErrUnsupported, hint: "name them"},
		"not allowed": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, failure: registry.ErrDenied, hint: "name the repositories"},
		"entries limited to none": {answer: func(w http.ResponseWriter, req *http.Request) {
			if req.FormValue("n") != "" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}`)
				return
			}
			fmt.Fprint(w, `{"repositories":[]}`)
		}, failure: registry.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := collect(open(t, serve(t, c.answer).URL).Repositories(t.Context()))
			if c.failure == nil && (err != nil || !slices.Equal(names, c.want)) || c.failure != nil && !errors.Is(err, c.failure) {
				t.Errorf("%q, %v", names, err)
			}
			if c.hint != "" && (err == nil || !strings.Contains(err.Error(), c.hint)) {
				t.Errorf("no %q in %v", c.hint, err)
			}
		})
	}
}
