package distribution_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// scripted is a server whose answers a test writes itself; it remembers what
// it was asked.
type scripted struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func serve(t *testing.T, answer http.HandlerFunc) *scripted {
	t.Helper()
	s := &scripted{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, req.Method+" "+req.URL.RequestURI())
		s.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

func open(t *testing.T, address string, opts ...wrap.Option) *distribution.Registry {
	t.Helper()
	return openAt(t, registry.Endpoint{Name: "test", Address: address}, opts...)
}

func openAt(t *testing.T, endpoint registry.Endpoint, opts ...wrap.Option) *distribution.Registry {
	t.Helper()
	r, err := distribution.New(endpoint, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func mutator(t *testing.T, r *distribution.Registry) mutate.Mutator {
	t.Helper()
	m, err := distribution.NewMutator(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// collect reads a sequence to its end or its error.
func collect[T any](sequence iter.Seq2[T, error]) (all []T, err error) {
	for one, err := range sequence {
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

func tagNames(t *testing.T, r *distribution.Registry, repository string) ([]string, error) {
	t.Helper()
	var names []string
	for tag, err := range r.Tags(t.Context(), repository) {
		if err != nil {
			return names, err
		}
		names = append(names, tag.Name)
	}
	return names, nil
}

func listing(key string, names ...string) string {
	text, _ := json.Marshal(map[string]any{"name": "app", key: names})
	return string(text)
}

func sequence(from, to int) []string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("t%05d", i))
	}
	return names
}

// image pushes a small image and gives its manifest.
func image(t *testing.T, m mutate.Mutator, repository, text string, tags ...string) oci.RawManifest {
	t.Helper()
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"Labels":{"text":%q}}}`, text)
	if err := m.PutBlob(t.Context(), repository, oci.FromBytes(config), int64(len(config)), strings.NewReader(string(config))); err != nil {
		t.Fatal(err)
	}
	body := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		oci.MediaTypeImage, oci.MediaTypeConfig, oci.FromBytes(config), len(config))
	raw := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body}
	for _, reference := range append(tags, string(raw.Digest))[:max(1, len(tags))] {
		if err := m.PutManifest(t.Context(), repository, reference, raw); err != nil {
			t.Fatal(err)
		}
	}
	return raw
}
