package live_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

func send(t *testing.T, method, url, contentType, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", strings.Join(oci.AcceptManifests, ","))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if location := response.Header.Get("Location"); location != "" {
		return response.StatusCode, location
	}
	return response.StatusCode, string(content)
}

const empty = "{}"

var manifest = `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImage + `","config":{"mediaType":"` + oci.MediaTypeEmptyJSON +
	`","digest":"` + string(oci.FromBytes([]byte(empty))) + `","size":2},"layers":[]}`

// push uploads an image without layers.
func push(t *testing.T, host, repository, tag string) {
	t.Helper()
	base := "http://" + host + "/v2/" + repository
	status, location := send(t, http.MethodPost, base+"/blobs/uploads/", "", "")
	if status != http.StatusAccepted {
		t.Fatalf("start of upload: %d %s", status, location)
	}
	if strings.HasPrefix(location, "/") {
		location = "http://" + host + location
	}
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	digest := strings.ReplaceAll(string(oci.FromBytes([]byte(empty))), ":", "%3A")
	if status, body := send(t, http.MethodPut, location+separator+"digest="+digest, "application/octet-stream", empty); status != http.StatusCreated {
		t.Fatalf("end of upload: %d %s", status, body)
	}
	if status, body := send(t, http.MethodPut, base+"/manifests/"+tag, oci.MediaTypeImage, manifest); status != http.StatusCreated {
		t.Fatalf("put manifest: %d %s", status, body)
	}
}

// The differences that the measurements of real registries showed are the
// reason to have all four.
func TestEveryKindAnswersAsMeasured(t *testing.T) {
	for _, test := range []struct {
		kind                        string
		tagDelete, referrers, after int
	}{
		{"distribution", 202, 404, 404},
		{"docker-registry", 400, 404, 404},
		{"olareg", 202, 200, 404},
		{"zot", 202, 200, 404},
		{"go-containerregistry", 202, 404, 200},
	} {
		for _, starter := range live.All() {
			if starter.Kind != test.kind {
				continue
			}
			t.Run(test.kind, func(t *testing.T) {
				s := starter.Start(t)
				push(t, s.Host, "team/app", "one")
				push(t, s.Host, "team/app", "two")
				base := "http://" + s.Host + "/v2/team/app"
				digest := string(oci.FromBytes([]byte(manifest)))

				if got, _ := send(t, http.MethodGet, base+"/referrers/"+digest, "", ""); got != test.referrers {
					t.Errorf("referrers: %d, want %d", got, test.referrers)
				}
				if got, _ := send(t, http.MethodDelete, base+"/manifests/one", "", ""); got != test.tagDelete {
					t.Errorf("delete of a tag: %d, want %d", got, test.tagDelete)
				}
				if got, body := send(t, http.MethodGet, base+"/manifests/two", "", ""); got != 200 || body != manifest {
					t.Errorf("the sibling: %d %s", got, body)
				}
				if got, _ := send(t, http.MethodDelete, base+"/manifests/"+digest, "", ""); got != 202 {
					t.Errorf("delete of a digest: %d, want 202", got)
				}
				if got, _ := send(t, http.MethodGet, base+"/manifests/two", "", ""); got != test.after {
					t.Errorf("the tag after its digest was deleted: %d, want %d", got, test.after)
				}
			})
		}
	}
}

func TestDeletionCanBeOff(t *testing.T) {
	s := live.Distribution(t, server.Options{NoDelete: true})
	push(t, s.Host, "app", "one")
	for _, reference := range []string{"one", string(oci.FromBytes([]byte(manifest)))} {
		if got, _ := send(t, http.MethodDelete, "http://"+s.Host+"/v2/app/manifests/"+reference, "", ""); got != http.StatusMethodNotAllowed {
			t.Errorf("delete of %s: %d, want 405", reference, got)
		}
	}
}

func TestContentOutlivesTheServer(t *testing.T) {
	storage := server.NewStorage()
	first := live.Distribution(t, server.Options{Storage: storage})
	push(t, first.Host, "app", "one")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + first.Host + "/v2/"); err == nil {
		t.Error("a closed server answers")
	}
	second := live.Distribution(t, server.Options{Storage: storage})
	if got, body := send(t, http.MethodGet, "http://"+second.Host+"/v2/app/manifests/one", "", ""); got != 200 || body != manifest {
		t.Errorf("after a new start: %d %s", got, body)
	}
}
