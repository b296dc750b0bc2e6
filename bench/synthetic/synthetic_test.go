package synthetic

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

func get(t *testing.T, base, path string) (*http.Response, []byte) {
	t.Helper()
	response, err := http.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body json.RawMessage
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return response, body
}

func TestContentIsTrueAndDeletable(t *testing.T) {
	registry := New(Shape{Repositories: 2, Tags: 5, PerImage: 2, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	server := httptest.NewServer(registry)
	defer server.Close()

	page, body := get(t, server.URL, "/v2/repo-00000/tags/list?n=3")
	if string(body) != `{"name":"repo-00000","tags":["t-0000000","t-0000001","t-0000002"]}` || page.Header.Get("Link") == "" {
		t.Errorf("first page %s, link %q", body, page.Header.Get("Link"))
	}
	first, manifest := get(t, server.URL, "/v2/repo-00000/manifests/t-0000000")
	second, _ := get(t, server.URL, "/v2/repo-00000/manifests/t-0000001")
	digest := first.Header.Get("Docker-Content-Digest")
	if digest != second.Header.Get("Docker-Content-Digest") || oci.Digest(digest).Verify(manifest) != nil {
		t.Errorf("digest %s of %s", digest, manifest)
	}
	decoded, err := oci.DecodeManifest(oci.MediaTypeImage, manifest)
	if err != nil {
		t.Fatal(err)
	}
	if _, config := get(t, server.URL, "/v2/repo-00000/blobs/"+string(decoded.Config.Digest)); decoded.Config.Digest.Verify(config) != nil {
		t.Errorf("config %s", config)
	}
	request, _ := http.NewRequest(http.MethodDelete, server.URL+"/v2/repo-00000/manifests/"+digest, nil)
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusAccepted {
		t.Fatalf("delete: %v, %v", response, err)
	}
	if _, body := get(t, server.URL, "/v2/repo-00000/tags/list"); string(body) != `{"name":"repo-00000","tags":["t-0000002","t-0000003","t-0000004"]}` {
		t.Errorf("after the delete: %s", body)
	}
	if _, body := get(t, server.URL, "/v2/repo-00001/tags/list"); len(body) < 50 {
		t.Errorf("the other repository lost something: %s", body)
	}
}

func TestBeyondTheKnee(t *testing.T) {
	const atEase = 10 * time.Millisecond
	began := time.Unix(1, 0)
	for past, want := range map[Past]Second{
		Refuse: {Answered: 20, Refused: 20}, // and what was saved up
		Queue:  {Answered: 2, Slow: 38},
		Double: {Answered: 26, Slow: 14},
	} {
		g := gate{knee: Knee{PerSecond: 100, Past: past}}
		for i := range 40 { // at 400 a second
			g.enter(began.Add(time.Duration(i)*time.Second/400), atEase, http.Header{})
		}
		got := g.second[0]
		if past == Refuse && got.Answered >= 19 && got.Answered <= 20 {
			want = Second{Answered: got.Answered, Refused: 40 - got.Answered}
		}
		if len(g.second) != 1 || got != want {
			t.Errorf("%s: %+v, want %+v", past, g.second, want)
		}
	}
}

func TestRefusalsSayWhenToComeBack(t *testing.T) {
	server := httptest.NewServer(New(Shape{Repositories: 1, Tags: 1, Knee: Knee{PerSecond: 2, RetryAfter: true, RateLimit: true}}))
	defer server.Close()
	first, _ := get(t, server.URL, "/v2/")
	second, _ := get(t, server.URL, "/v2/")
	if first.StatusCode != http.StatusOK || first.Header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("first: %d, %v", first.StatusCode, first.Header)
	}
	if second.StatusCode != http.StatusTooManyRequests || second.Header.Get("Retry-After") != "1" {
		t.Errorf("second: %d, %v", second.StatusCode, second.Header)
	}
}
