package distribution_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// What a name is made of does not change which resource is asked for: it
// arrives escaped, below the path of the base URL.
func TestAddressesOnTheWire(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.Method+" "+req.Host+req.RequestURI)
		w.Header().Set("Docker-Content-Digest", digest)
	}))
	defer s.Close()
	for _, c := range []struct{ path, repository, reference, want string }{
		{"", "app", "v1", "/v2/app/manifests/v1"},
		{"", "team/app", "V1.0-rc_2", "/v2/team/app/manifests/V1.0-rc_2"},
		{"", "app", digest, "/v2/app/manifests/" + digest},
		{"", "a b", "v1", "/v2/a%20b/manifests/v1"},
		{"", "a%2Fb", "v1", "/v2/a%252Fb/manifests/v1"},
		{"", "a?n=1#b", "v1", "/v2/a%3Fn=1%23b/manifests/v1"},
		{"", "a;b+c:d@e&f", "v1", "/v2/a;b+c:d@e&f/manifests/v1"},
		{"", `a"b<c>\d`, "v1", "/v2/a%22b%3Cc%3E%5Cd/manifests/v1"},
		{"", "grün/\x00\n", "v1", "/v2/gr%C3%BCn/%00%0A/manifests/v1"},
		{"", "..a/.b/c..", "v1", "/v2/..a/.b/c../manifests/v1"},
		{"/", "app", "v1", "/v2/app/manifests/v1"},
		{"/nexus/", "app", "v1", "/nexus/v2/app/manifests/v1"},
		{"/a%20b/c+d", "app", "v1", "/a%20b/c+d/v2/app/manifests/v1"},
		{"/a%25b", "a b", "v1", "/a%25b/v2/a%20b/manifests/v1"},
		{"//a", "app", "v1", "//a/v2/app/manifests/v1"},
	} {
		asked = nil
		if _, err := open(t, s.URL+c.path).Head(t.Context(), c.repository, c.reference); err != nil {
			t.Errorf("%q: %v", c.repository, err)
		}
		if want := []string{"HEAD " + s.Listener.Addr().String() + c.want}; !slices.Equal(asked, want) {
			t.Errorf("%q below %q: asked %q, want %q", c.repository, c.path, asked, want)
		}
	}
}

// A name that would lead to another resource is refused before anything is sent.
func TestNamesThatWouldMakeAnotherAddress(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	r := open(t, s.URL)
	for _, name := range []string{"", "/app", "app/", "a//b", ".", "..", "../app", "a/./b", "a/../../b"} {
		if _, err := r.Head(t.Context(), name, "v1"); !errors.Is(err, registry.ErrMalformed) {
			t.Errorf("reading %q: %v", name, err)
		}
		if err := mutator(t, r).Untag(t.Context(), mutate.Tag{Repository: name, Name: "v1"}); !errors.Is(err, registry.ErrMalformed) {
			t.Errorf("changing %q: %v", name, err)
		}
	}
	if sent := s.requests(); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

// A query arrives with the names and values that the registry's link gave it.
func TestQueriesOnTheWire(t *testing.T) {
	links := []string{`</v2/app/tags/list?n=2&last=a+b%2Fc%3D%26&x=%zz>; rel="next"`, `<?last=>; rel=next`, ""}
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if link := links[len(asked)]; link != "" {
			w.Header().Set("Link", link)
		}
		asked = append(asked, req.RequestURI)
		fmt.Fprint(w, listing("tags", fmt.Sprintf("t%d", len(asked))))
	}))
	defer s.Close()
	if _, err := tagNames(t, open(t, s.URL+"/nexus"), "app"); err != nil {
		t.Error(err)
	}
	want := []string{
		"/nexus/v2/app/tags/list?n=1000",
		"/nexus/v2/app/tags/list?last=a%2Bb%2Fc%3D%26&n=2&x=%25zz",
		"/nexus/v2/app/tags/list?last=",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// An upload goes to the very address that the registry named.
func TestTheAddressOfAnUploadOnTheWire(t *testing.T) {
	blob := "blob"
	digest := oci.FromBytes([]byte(blob))
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.Method+" "+req.RequestURI)
		switch req.Method {
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case http.MethodPost:
			w.Header().Set("Location", "/v2/app/blobs/uploads/a%2Fb%20c?state=x%2By%3D#part")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer s.Close()
	m := mutator(t, open(t, s.URL))
	if err := m.PutBlob(t.Context(), "app", digest, int64(len(blob)), strings.NewReader(blob)); err != nil {
		t.Error(err)
	}
	want := []string{
		"HEAD /v2/app/blobs/" + string(digest),
		"POST /v2/app/blobs/uploads/",
		"PUT /v2/app/blobs/uploads/a%2Fb%20c?digest=sha256%3A" + digest.Hex() + "&state=x%2By%3D",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}
