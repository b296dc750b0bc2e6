package distribution_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// answering makes a server that gives every DELETE the same answer.
func answering(t *testing.T, status int, body string, headers ...string) *scripted {
	return serve(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodDelete {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

func document(code string) string {
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":"told so"}]}`, code)
}

// Only 400, 405 and UNSUPPORTED say that a registry cannot do it. regclient
// overwrote the tag after a 403, and would have after a 429 or a timeout.
func TestWhatARefusalMeans(t *testing.T) {
	digest := oci.FromBytes([]byte("x"))
	for _, c := range []struct {
		status                   int
		body                     string
		untag, deletion          error
		canUntag, canDelete      registry.Support
		probeFails               bool
		hint                     string
		requestsUntag, requestsP int
	}{
		{status: 202},
		{status: 200},
		{status: 204},
		{status: 404, body: document("MANIFEST_UNKNOWN"), untag: registry.ErrNotFound, deletion: registry.ErrNotFound, canUntag: registry.SupportYes, canDelete: registry.SupportYes},
		{status: 404, body: document("NAME_UNKNOWN"), untag: registry.ErrNotFound, deletion: registry.ErrNotFound, probeFails: true},
		{status: 400, body: document("DIGEST_INVALID"), untag: registry.ErrUnsupported, deletion: registry.ErrMalformed, canUntag: registry.SupportNo, canDelete: registry.SupportNo},
		{status: 400, body: document("UNSUPPORTED"), untag: registry.ErrUnsupported, deletion: registry.ErrUnsupported, canUntag: registry.SupportNo, canDelete: registry.SupportNo},
		{status: 405, body: document("UNSUPPORTED"), untag: registry.ErrUnsupported, deletion: registry.ErrUnsupported, canUntag: registry.SupportNo, canDelete: registry.SupportNo, hint: "REGISTRY_STORAGE_DELETE_ENABLED=true"},
		{status: 405, body: "Method not allowed", untag: registry.ErrUnsupported, deletion: registry.ErrUnsupported, canUntag: registry.SupportNo, canDelete: registry.SupportNo, hint: "read-only"},
		{status: 405, body: document("DENIED"), untag: registry.ErrUnsupported, deletion: registry.ErrLocked, canUntag: registry.SupportNo, canDelete: registry.SupportNo},
		{status: 409, body: document("MANIFEST_REFERENCED"), untag: registry.ErrLocked, deletion: registry.ErrLocked, probeFails: true},
		{status: 412, body: document("PRECONDITION"), untag: registry.ErrLocked, deletion: registry.ErrLocked, probeFails: true, hint: "immutable"},
		{status: 401, body: document("UNAUTHORIZED"), untag: registry.ErrDenied, deletion: registry.ErrDenied, probeFails: true, hint: "REGKEEP_USERNAME"},
		{status: 403, body: document("DENIED"), untag: registry.ErrDenied, deletion: registry.ErrDenied, probeFails: true},
		{status: 500, untag: registry.ErrUnavailable, deletion: registry.ErrUnavailable, probeFails: true},
		{status: 502, untag: registry.ErrUnavailable, deletion: registry.ErrUnavailable, probeFails: true},
		{status: 503, untag: registry.ErrUnavailable, deletion: registry.ErrUnavailable, probeFails: true},
		{status: 504, untag: registry.ErrUnavailable, deletion: registry.ErrUnavailable, probeFails: true},
		{status: 302, untag: registry.ErrMalformed, deletion: registry.ErrMalformed, probeFails: true, hint: "address it really lives at"},
	} {
		t.Run(fmt.Sprint(c.status, c.body), func(t *testing.T) {
			s := answering(t, c.status, c.body, "Location", "/elsewhere")
			m := mutator(t, open(t, s.URL))
			err := m.Untag(t.Context(), mutate.Tag{Repository: "app", Name: "v1"})
			if !errors.Is(err, c.untag) {
				t.Errorf("untag: %v; want %v", err, c.untag)
			}
			if asked := s.requests(); !slices.Equal(asked, []string{"DELETE /v2/app/manifests/v1"}) {
				t.Errorf("untag sent %q", asked)
			}
			if c.hint != "" && !strings.Contains(err.Error(), c.hint) {
				t.Errorf("no %q in: %v", c.hint, err)
			}
			if err := m.DeleteManifest(t.Context(), "app", digest); !errors.Is(err, c.deletion) {
				t.Errorf("delete: %v; want %v", err, c.deletion)
			}
			can, err := m.Probe(t.Context(), "app")
			if can.TagDelete != c.canUntag || can.DigestDelete != c.canDelete || (err != nil) != c.probeFails {
				t.Errorf("probe: %+v, %v", can, err)
			}
			if asked := s.requests(); len(asked) != 4 {
				t.Errorf("sent %q", asked)
			}
		})
	}
}

// A deletion that may have happened is not sent again: the tag may be a new
// one by then.
func TestADeletionIsSentOnce(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	m := mutator(t, open(t, s.URL))
	if err := m.Untag(t.Context(), mutate.Tag{Repository: "app", Name: "v1"}); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("%v; want unavailable", err)
	}
	if asked := s.requests(); len(asked) != 1 {
		t.Errorf("sent %q", asked)
	}
}

func TestADeletionTurnedAwayAtTheDoorIsSentAgain(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		var asked int
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked == 1 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
		if err := mutator(t, open(t, s.URL)).Untag(t.Context(), mutate.Tag{Repository: "app", Name: "v1"}); err != nil || asked != 2 {
			t.Errorf("%d: %v after %d", status, err, asked)
		}
	}
}

func TestOnlyTagsAndDigestsAreDeleted(t *testing.T) {
	s := answering(t, http.StatusAccepted, "")
	m := mutator(t, open(t, s.URL))
	for _, tag := range []mutate.Tag{
		{Repository: "app", Name: ""}, {Repository: "app", Name: "../x"}, {Repository: "app", Name: string(oci.FromBytes(nil))},
		{Repository: "../app", Name: "v1"}, {Repository: "", Name: "v1"}, {Repository: "a//b", Name: "v1"},
	} {
		if err := m.Untag(t.Context(), tag); !errors.Is(err, registry.ErrMalformed) {
			t.Errorf("%+v: %v", tag, err)
		}
	}
	if err := m.DeleteManifest(t.Context(), "app", "latest"); !errors.Is(err, registry.ErrMalformed) {
		t.Error(err)
	}
	if len(s.requests()) > 0 {
		t.Errorf("sent %q", s.requests())
	}
}

func TestPutManifestInsistsOnTheDigest(t *testing.T) {
	raw := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes([]byte(sample)), Body: []byte(sample)}
	for name, c := range map[string]struct {
		named, head string
		failure     error
	}{
		"named":                        {named: string(raw.Digest)},
		"another named":                {named: string(oci.FromBytes([]byte("x"))), failure: registry.ErrMalformed},
		"not named, and there":         {head: string(raw.Digest)},
		"not named, and another there": {head: string(oci.FromBytes([]byte("x"))), failure: registry.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				switch req.Method {
				case http.MethodPut:
					body, _ := io.ReadAll(req.Body)
					if string(body) != sample || req.Header.Get("Content-Type") != oci.MediaTypeImage {
						t.Errorf("put %s as %s", body, req.Header.Get("Content-Type"))
					}
					if c.named != "" {
						w.Header().Set("Docker-Content-Digest", c.named)
					}
					w.WriteHeader(http.StatusCreated)
				case http.MethodHead:
					w.Header().Set("Docker-Content-Digest", c.head)
				}
			})
			if err := mutator(t, open(t, s.URL)).PutManifest(t.Context(), "app", "v1", raw); !errors.Is(err, c.failure) {
				t.Errorf("%v; want %v", err, c.failure)
			}
		})
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	m := mutator(t, open(t, s.URL))
	wrong := raw
	wrong.Digest = oci.FromBytes([]byte("x"))
	for reference, manifest := range map[string]oci.RawManifest{"v1": wrong, string(wrong.Digest): raw, "no/tag": raw} {
		if err := m.PutManifest(t.Context(), "app", reference, manifest); !errors.Is(err, registry.ErrMalformed) || len(s.requests()) > 0 {
			t.Errorf("%s: %v, sent %q", reference, err, s.requests())
		}
	}
}

// A missing child or blob is told from a registry that refuses for good.
func TestPutManifestWithoutItsBlobs(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, document("MANIFEST_BLOB_UNKNOWN"))
	})
	raw := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes([]byte(sample)), Body: []byte(sample)}
	if err := mutator(t, open(t, s.URL)).PutManifest(t.Context(), "app", "v1", raw); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("%v; want not found", err)
	}
}

func TestPutBlob(t *testing.T) {
	content := []byte("content")
	digest := oci.FromBytes(content)
	for name, c := range map[string]struct {
		prefix, location string
		failure          error
	}{
		"relative":                  {location: "/v2/app/blobs/uploads/1?_state=a%2Bb"},
		"absolute":                  {location: "http://HOST/v2/app/blobs/uploads/1?_state=a%2Bb"},
		"the scheme a proxy hid":    {location: "https://HOST/v2/app/blobs/uploads/1?_state=a%2Bb"},
		"without the path prefix":   {prefix: "/repository/docker", location: "/v2/app/blobs/uploads/1?_state=a%2Bb"},
		"with the path prefix":      {prefix: "/repository/docker", location: "/repository/docker/v2/app/blobs/uploads/1?_state=a%2Bb"},
		"relative to the request":   {location: "1?_state=a%2Bb"},
		"another host":              {location: "http://elsewhere.example/v2/app/blobs/uploads/1", failure: registry.ErrMalformed},
		"another port of this host": {location: "http://127.0.0.1:1/v2/app/blobs/uploads/1", failure: registry.ErrMalformed},
		"nowhere":                   {failure: registry.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var stored []byte
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				switch req.Method {
				case http.MethodHead:
					w.WriteHeader(http.StatusNotFound)
				case http.MethodPost:
					w.Header().Set("Location", strings.Replace(c.location, "HOST", req.Host, 1))
					w.WriteHeader(http.StatusAccepted)
				case http.MethodPut:
					if req.URL.Path != c.prefix+"/v2/app/blobs/uploads/1" || req.FormValue("_state") != "a+b" || req.FormValue("digest") != string(digest) || req.ContentLength != int64(len(content)) {
						t.Errorf("put to %s, %d bytes", req.URL, req.ContentLength)
					}
					stored, _ = io.ReadAll(req.Body)
					w.WriteHeader(http.StatusCreated)
				}
			})
			err := mutator(t, open(t, s.URL+c.prefix)).PutBlob(t.Context(), "app", digest, int64(len(content)), bytes.NewReader(content))
			if !errors.Is(err, c.failure) || c.failure == nil && !bytes.Equal(stored, content) {
				t.Errorf("%q, %v", stored, err)
			}
		})
	}
}

// A delete that is held back, because the registry asked for patience, is not sent
// when the look before it has grown old.
func TestADeleteThatIsHeldBackTooLongIsNotSent(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	mutator, err := distribution.NewMutator(open(t, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	ctx := registry.SendWithin(t.Context(), 100*time.Millisecond)
	if err := mutator.DeleteManifest(ctx, "app", oci.FromBytes([]byte("x"))); !errors.Is(err, registry.ErrLate) || len(s.requests()) != 1 {
		t.Errorf("%v; asked %q", err, s.requests())
	}
}
