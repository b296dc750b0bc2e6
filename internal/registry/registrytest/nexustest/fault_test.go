package nexustest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

func TestFaultHitsTheNthRequest(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	s.Inject(nexustest.Fault{Method: "GET", Path: `/components\?`, Skip: 1, Times: 2, Status: 503, Body: "busy", Header: http.Header{"Retry-After": {"1"}}})
	for i, want := range []int{200, 503, 503, 200} {
		a := admin(s).get(t, "/components?repository=docker-hosted")
		if a.status != want || want == 503 && (a.body != "busy" || a.header.Get("Retry-After") != "1") {
			t.Errorf("request %d: %d %s %v", i, a.status, a.body, a.header)
		}
	}
	s.Inject(nexustest.Fault{Path: "repositories", Times: -1, Status: 500})
	for range 3 {
		admin(s).get(t, "/repositories").want(500)
	}
	s.ClearFaults()
	admin(s).get(t, "/repositories").want(200)
}

func TestDoneButReportedFailed(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	component := "/components/" + s.ComponentID("docker-hosted", "app", "1")
	s.Inject(nexustest.Fault{Method: "DELETE", Status: 500})
	admin(s).rest(t, "DELETE", component).want(500)
	if len(s.Tags("docker-hosted", "app")) != 1 {
		t.Error("a plain fault carried the request out")
	}
	s.Inject(nexustest.Fault{Method: "DELETE", Status: 500, Done: true})
	admin(s).rest(t, "DELETE", component).want(500)
	if len(s.Tags("docker-hosted", "app")) != 0 {
		t.Error("the deletion was not carried out")
	}
}

// A tag is pushed again between the look and the deletion.
func TestHooksRunAroundARequest(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	order := ""
	s.Inject(nexustest.Fault{Method: "GET", Path: "/components/",
		Before: func() {
			order += "before " + string(s.Tags("docker-hosted", "app")["1"].Short())
			s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(1))
		},
		After: func() { order += " after" }})
	old := s.Tags("docker-hosted", "app")["1"]
	a := admin(s).get(t, "/components/"+s.ComponentID("docker-hosted", "app", "1")).want(200)
	if order != "before "+old.Short()+" after" || s.Tags("docker-hosted", "app")["1"] == old {
		t.Errorf("hooks: %q, answer %s", order, a.body)
	}
}

func TestBrokenConnections(t *testing.T) {
	s := nexustest.New(nexustest.Options{ContextPath: "/nexus", Anonymous: true})
	base, stop, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.Inject(nexustest.Fault{Path: "repositories", Drop: true, Times: 2}) // net/http tries a GET twice
	if response, err := client.Get(base + "/service/rest/v1/repositories"); err == nil {
		response.Body.Close()
		t.Errorf("dropped connection answered %s", response.Status)
	}
	s.ClearFaults()
	s.Inject(nexustest.Fault{Path: "repositories", Truncate: true})
	response, err := client.Get(base + "/service/rest/v1/repositories")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil || int64(len(body)) >= response.ContentLength {
		t.Errorf("read %d of %d bytes, %v", len(body), response.ContentLength, err)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	s := nexustest.New(nexustest.Options{ContextPath: "/nexus"})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	for path, class := range map[string]nexustest.Class{
		"/service/rest/v1/components?repository=docker-hosted": nexustest.ClassComponents,
		"/service/rest/v1/components/abc":                      nexustest.ClassComponent,
		"/service/rest/v1/assets?repository=docker-hosted":     nexustest.ClassAssets,
		"/service/rest/v1/assets/abc":                          nexustest.ClassAsset,
		"/service/rest/v1/search/assets":                       nexustest.ClassSearch,
		"/service/rest/v1/repositorySettings":                  nexustest.ClassRepositories,
		"/service/rest/v1/tasks/x":                             nexustest.ClassTasks,
		"/service/rest/v1/blobstores":                          nexustest.ClassBlobStores,
		"/service/rest/swagger.json":                           nexustest.ClassStatus,
		"/repository/docker-hosted/v2/app/tags/list":           nexustest.ClassRegistry,
		"/v2/": nexustest.ClassRegistry,
		"/":    nexustest.ClassOther,
	} {
		s.ClearRequests()
		admin(s).ask(t, "GET", "/nexus"+path, "")
		if got := s.Requests(); len(got) != 1 || got[0].Class != class || got[0].Path != path || got[0].User != "admin" {
			t.Errorf("%s logged as %+v, want %s", path, got, class)
		}
		if s.Count(class) != 1 || s.Count(class, "GET") != 1 || s.Count(class, "DELETE") != 0 {
			t.Errorf("%s miscounted", path)
		}
	}
}
