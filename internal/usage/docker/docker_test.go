package docker

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
)

// engineAnswers are answers in the shape of the Docker Engine API, v1.47.
var engineAnswers = map[string]string{
	"/containers/json?all=1": `[{"Id":"0123456789abcdef","Names":["/web"],"Image":"r.example.com/team/app:1","ImageID":"sha256:aa"},
		{"Id":"fedcba9876543210","Names":["/old"],"Image":"sha256:bb","ImageID":"sha256:bb"},
		{"Id":"1111111111111111","Names":["/gone"],"Image":"r.example.com/team/gone:1","ImageID":"sha256:cc"}]`,
	"/images/sha256:aa/json": `{"RepoDigests":["r.example.com/team/app@sha256:1111111111111111111111111111111111111111111111111111111111111111"]}`,
	"/images/sha256:bb/json": `{"RepoDigests":["r.example.com/team/old@sha256:2222222222222222222222222222222222222222222222222222222222222222"]}`,
	"/info":                  `{"Swarm":{"LocalNodeState":"active","ControlAvailable":true}}`,
	"/services":              `[{"Spec":{"Name":"api","TaskTemplate":{"ContainerSpec":{"Image":"r.example.com/team/api:2"}}},"PreviousSpec":{"Name":"api","TaskTemplate":{"ContainerSpec":{"Image":"r.example.com/team/api:1"}}}}]`,
}

func serve(t *testing.T, missing string, status int) Finder {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := engineAnswers[r.URL.String()]
		switch {
		case r.Method != http.MethodGet:
			t.Errorf("%s %s: only GET is allowed", r.Method, r.URL)
		case r.URL.Path == missing:
			w.WriteHeader(status)
		case !known:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return Finder{Host: "unix://" + socket}
}

func TestEngineContainersAndServices(t *testing.T) {
	var got []string
	if err := serve(t, "", 0).Find(t.Context(), func(image, what string) { got = append(got, image+" "+what) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"r.example.com/team/app:1 container web",
		"r.example.com/team/app@sha256:1111111111111111111111111111111111111111111111111111111111111111 container web",
		"r.example.com/team/old@sha256:2222222222222222222222222222222222222222222222222222222222222222 container old",
		"r.example.com/team/gone:1 container gone",
		"r.example.com/team/api:2 service api",
		"r.example.com/team/api:1 service api",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not reported: %s (got %q)", want, got)
		}
	}
}

func TestEngineThatFailsIsNotComplete(t *testing.T) {
	nothing := func(string, string) {}
	for _, path := range []string{"/containers/json", "/images/sha256:aa/json", "/info", "/services"} {
		for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusForbidden} {
			if err := serve(t, path, status).Find(t.Context(), nothing); err == nil {
				t.Errorf("%s answered %d and the look counts as complete", path, status)
			}
		}
	}
	for _, host := range []string{"unix:///does/not/exist.sock", "nonsense", "ssh://host"} {
		if err := (Finder{Host: host}).Find(t.Context(), nothing); err == nil {
			t.Errorf("%s: no error", host)
		}
	}
}
