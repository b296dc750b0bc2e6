package distribution_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

const sample = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}`

func manifestServer(t *testing.T, mediaType, named, body string) *scripted {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if named != "" {
			w.Header().Set("Docker-Content-Digest", named)
		}
		fmt.Fprint(w, body)
	})
}

func TestManifestIsWhatItWasAskedFor(t *testing.T) {
	right := oci.FromBytes([]byte(sample))
	other := oci.FromBytes([]byte("other"))
	sha512 := "sha512:" + strings.Repeat("ab", 64)
	for name, c := range map[string]struct {
		reference, named string
		body             string
		failure          error
	}{
		"by tag":                        {reference: "v1", named: string(right), body: sample},
		"by tag, no digest named":       {reference: "v1", body: sample},
		"by digest":                     {reference: string(right), named: string(right), body: sample},
		"by digest, none named":         {reference: string(right), body: sample},
		"another one named":             {reference: "v1", named: string(other), body: sample, failure: registry.ErrMalformed},
		"another one sent":              {reference: string(other), named: string(other), body: sample, failure: registry.ErrMalformed},
		"another one, none named":       {reference: string(other), body: sample, failure: registry.ErrMalformed},
		"another sha512 named":          {reference: "v1", named: sha512, body: sample, failure: registry.ErrMalformed},
		"no digest in the header":       {reference: "v1", named: "md5:1234", body: sample, failure: registry.ErrMalformed},
		"larger than any manifest":      {reference: "v1", body: strings.Repeat(" ", 4<<20) + sample, failure: registry.ErrMalformed},
		"a reference that is a path":    {reference: "../../other/manifests/v1", failure: registry.ErrMalformed},
		"an abbreviated digest":         {reference: string(right)[:20], failure: registry.ErrMalformed},
		"a reference with a query mark": {reference: "v1?n=1", failure: registry.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := manifestServer(t, oci.MediaTypeImage+"; charset=utf-8", c.named, c.body)
			raw, err := open(t, s.URL).Manifest(t.Context(), "app", c.reference)
			if c.failure != nil {
				if !errors.Is(err, c.failure) || raw.Body != nil {
					t.Errorf("%+v, %v; want %v", raw.Digest, err, c.failure)
				}
				if c.body == "" && len(s.requests()) > 0 {
					t.Errorf("sent %q", s.requests())
				}
				return
			}
			if err != nil || raw.Digest != right || string(raw.Body) != c.body || raw.MediaType != oci.MediaTypeImage {
				t.Errorf("%s %s, %v", raw.MediaType, raw.Digest, err)
			}
		})
	}
}

// Without the whole list registries convert what they send: distribution 2
// gives the linux/amd64 child of a Docker list, and another digest with it.
func TestEveryManifestRequestNamesEveryMediaType(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		for _, mediaType := range oci.AcceptManifests {
			if !strings.Contains(req.Header.Get("Accept"), mediaType) {
				t.Errorf("%s does not accept %s", req.Method, mediaType)
			}
		}
		w.Header().Set("Docker-Content-Digest", string(oci.FromBytes([]byte(sample))))
		if req.Method == http.MethodGet {
			fmt.Fprint(w, sample)
		}
	})
	r := open(t, s.URL)
	if _, err := r.Head(t.Context(), "app", "v1"); err != nil {
		t.Error(err)
	}
	if _, err := r.Manifest(t.Context(), "app", "v1"); err != nil {
		t.Error(err)
	}
}

func TestHead(t *testing.T) {
	right := oci.FromBytes([]byte(sample))
	for name, c := range map[string]struct {
		reference, named string
		head             int
		requests         []string
		failure          error
	}{
		"by tag":                   {reference: "v1", named: string(right), requests: []string{"HEAD /v2/app/manifests/v1"}},
		"no digest named":          {reference: "v1", requests: []string{"HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"}},
		"no HEAD":                  {reference: "v1", named: string(right), head: http.StatusMethodNotAllowed, requests: []string{"HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"}},
		"another one than asked":   {reference: string(oci.FromBytes([]byte("other"))), named: string(right), failure: registry.ErrMalformed},
		"nonsense for a digest":    {reference: "v1", named: "latest", failure: registry.ErrMalformed},
		"not there":                {reference: "v1", head: http.StatusNotFound, failure: registry.ErrNotFound},
		"not allowed":              {reference: "v1", head: http.StatusForbidden, failure: registry.ErrDenied},
		"a broken one is no 'not'": {reference: "v1", head: http.StatusInternalServerError, failure: registry.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", oci.MediaTypeImage)
				if c.named != "" {
					w.Header().Set("Docker-Content-Digest", c.named)
				}
				if req.Method == http.MethodHead && c.head != 0 {
					w.WriteHeader(c.head)
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(sample)))
				fmt.Fprint(w, sample)
			})
			head, err := open(t, s.URL).Head(t.Context(), "app", c.reference)
			if c.failure != nil {
				if !errors.Is(err, c.failure) {
					t.Errorf("%+v, %v; want %v", head, err, c.failure)
				}
				if damaged := c.head == http.StatusInternalServerError; err != nil && damaged != strings.Contains(err.Error(), "push it again") {
					t.Errorf("what to do next: %v", err)
				}
				return
			}
			if err != nil || head.Digest != right || head.Size != int64(len(sample)) || head.MediaType != oci.MediaTypeImage {
				t.Errorf("%+v, %v", head, err)
			}
			if !slices.Equal(s.requests(), c.requests) {
				t.Errorf("asked %q", s.requests())
			}
		})
	}
}

// The digest of a signed schema 1 manifest is that of what was signed.
func TestSignedSchema1(t *testing.T) {
	payload := "{\n   \"schemaVersion\": 1,\n   \"name\": \"app\"\n}"
	encode := base64.RawURLEncoding.EncodeToString
	protected := fmt.Sprintf(`{"formatLength":%d,"formatTail":%q,"time":"2015-01-01T00:00:00Z"}`, len(payload)-2, encode([]byte("\n}")))
	body := payload[:len(payload)-2] + fmt.Sprintf(",\n   \"signatures\": [{\"protected\":%q}]\n}", encode([]byte(protected)))
	digest := oci.FromBytes([]byte(payload))
	s := manifestServer(t, oci.MediaTypeSignedSchema1, string(digest), body)
	raw, err := open(t, s.URL).Manifest(t.Context(), "app", string(digest))
	if err != nil || raw.Digest != digest || string(raw.Body) != body {
		t.Errorf("%s, %v", raw.Digest, err)
	}
	for _, broken := range []string{`{}`, `{"signatures":[{"protected":"!"}]}`, `{"signatures":[{"protected":"` + encode([]byte(`{"formatLength":-1}`)) + `"}]}`, `{"signatures":[{"protected":"` + encode([]byte(`{"formatLength":99999}`)) + `"}]}`} {
		s := manifestServer(t, oci.MediaTypeSignedSchema1, "", broken)
		if raw, err := open(t, s.URL).Manifest(t.Context(), "app", "v1"); !errors.Is(err, registry.ErrMalformed) {
			t.Errorf("%s: %+v, %v", broken, raw, err)
		}
	}
}

func TestMediaTypeOfAManifestServedAsData(t *testing.T) {
	s := manifestServer(t, "application/json", "", sample)
	if raw, err := open(t, s.URL).Manifest(t.Context(), "app", "v1"); err != nil || raw.MediaType != oci.MediaTypeImage {
		t.Errorf("%s, %v", raw.MediaType, err)
	}
	s = manifestServer(t, "application/vnd.example.new+json", "", sample)
	if raw, err := open(t, s.URL).Manifest(t.Context(), "app", "v1"); err != nil || raw.MediaType != "application/vnd.example.new+json" {
		t.Errorf("%s, %v", raw.MediaType, err)
	}
}

func TestABodyThatBreaksOffIsAskedForAgain(t *testing.T) {
	var broken int
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", oci.MediaTypeImage)
		w.Header().Set("Content-Length", fmt.Sprint(len(sample)))
		if broken++; broken < 3 {
			fmt.Fprint(w, sample[:20])
			return
		}
		fmt.Fprint(w, sample)
	})
	if raw, err := open(t, s.URL).Manifest(t.Context(), "app", "v1"); err != nil || string(raw.Body) != sample {
		t.Errorf("%q, %v", raw.Body, err)
	}
	broken = -100
	if _, err := open(t, s.URL).Manifest(t.Context(), "app", "v1"); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("%v; want unavailable", err)
	}
}

func TestReferrers(t *testing.T) {
	subject := oci.FromBytes([]byte(sample))
	one, two := oci.FromBytes([]byte("1")), oci.FromBytes([]byte("2"))
	entry := func(d oci.Digest) string {
		return fmt.Sprintf(`{"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`, oci.MediaTypeImage, d)
	}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		want    []oci.Digest
		failure error
	}{
		"two pages": {answer: func(w http.ResponseWriter, req *http.Request) {
			if req.FormValue("token") == "" {
				w.Header().Set("Link", "<?token=2>; rel=next")
				fmt.Fprint(w, entry(one))
				return
			}
			fmt.Fprint(w, entry(two))
		}, want: []oci.Digest{one, two}},
		"a circle": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<?token=2>; rel=next")
			fmt.Fprint(w, entry(one))
		}, failure: registry.ErrMalformed},
		"none":    {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"manifests":[]}`) }},
		"no list": {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }, failure: registry.ErrMalformed},
		"a page": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<html>`)
		}, failure: registry.ErrMalformed},
		"a bad digest": {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, entry("sha256:12")) }, failure: registry.ErrMalformed},
		"no such API":  {answer: http.NotFound, failure: registry.ErrUnsupported},
		"no such repository": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`)
		}, failure: registry.ErrNotFound},
		"broken": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, failure: registry.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			listed, err := collect(open(t, serve(t, c.answer).URL).Referrers(t.Context(), "app", subject))
			var digests []oci.Digest
			for _, descriptor := range listed {
				digests = append(digests, descriptor.Digest)
			}
			if c.failure == nil && (err != nil || !slices.Equal(digests, c.want)) || c.failure != nil && !errors.Is(err, c.failure) {
				t.Errorf("%q, %v", digests, err)
			}
		})
	}
}
