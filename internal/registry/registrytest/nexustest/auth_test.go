package nexustest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// Nobody, with anonymous access off: older releases answer two lists with
// nothing, which a client must not take for an empty server.
func TestWithoutCredentials(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(1))
		if d == nexustest.V389 || d == nexustest.V396 {
			for _, path := range []string{"/repositories", "/search", "/components?repository=docker-hosted", "/tasks"} {
				a := nobody(s).get(t, path).want(http.StatusUnauthorized)
				if got := a.header.Get("WWW-Authenticate"); got != `BASIC realm="Sonatype Nexus Repository Manager"` {
					t.Errorf("%s: challenge %q", path, got)
				}
			}
			return
		}
		if a := nobody(s).get(t, "/repositories").want(http.StatusOK); a.body != "[ ]" {
			t.Errorf("repositories: %s", a.body)
		}
		var found listing
		if nobody(s).get(t, "/search").want(http.StatusOK).into(&found); len(found.Items) != 0 {
			t.Errorf("search found %d", len(found.Items))
		}
		nobody(s).get(t, "/components?repository=docker-hosted").want(http.StatusForbidden)
		nobody(s).get(t, "/tasks").want(http.StatusForbidden)
	})
}

func TestOpenResources(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		nobody(s).get(t, "/status").want(http.StatusOK)
		caller{s, "admin", "wrong"}.get(t, "/status").want(http.StatusUnauthorized)
		var description struct{ Info struct{ Version string } }
		nobody(s).ask(t, "GET", "/service/rest/swagger.json", "").want(http.StatusOK).into(&description)
		if description.Info.Version != s.Version() {
			t.Errorf("version %q, want %q", description.Info.Version, s.Version())
		}
	})
}

// The matrix that was observed on 3.96.
func TestPrivileges(t *testing.T) {
	const repo = "docker-hosted"
	s := nexustest.New(nexustest.Options{Users: []nexustest.User{
		{Name: "none", Password: "secret"},
		{Name: "browse", Password: "secret", Privileges: []string{nexustest.View(repo, "browse")}},
		{Name: "read", Password: "secret", Privileges: []string{nexustest.View(repo, "read")}},
		{Name: "delete", Password: "secret", Privileges: []string{nexustest.View(repo, "delete")}},
		{Name: "all", Password: "secret", Privileges: []string{nexustest.View("*", "browse,read,delete")}},
		{Name: "tasks", Password: "secret", Privileges: []string{nexustest.PrivilegeTasksRead, nexustest.PrivilegeTasksStart}},
		{Name: "stores", Password: "secret", Privileges: []string{nexustest.PrivilegeBlobStoresRead}},
		{Name: "other", Password: "secret", Privileges: []string{nexustest.View("elsewhere", "*"), "nexus:repository-admin:docker:docker-hosted:read"}},
	}})
	s.Push(repo, "app", "1", nexustest.Image{}, ago(1))
	component := "/components/" + s.ComponentID(repo, "app", "1")
	for _, c := range []struct {
		user                                                              string
		repositories, hits                                                int
		one, components, search, remove, content, tasks, stores, settings int
	}{
		{"none", 0, 0, 403, 403, 403, 403, 403, 403, 403, 403},
		{"browse", 1, 1, 200, 200, 200, 403, 403, 403, 403, 403},
		{"read", 0, 0, 200, 200, 200, 403, 200, 403, 403, 403},
		{"delete", 0, 0, 403, 403, 403, 403, 403, 403, 403, 403},
		{"tasks", 0, 0, 403, 403, 403, 403, 403, 200, 403, 403},
		{"stores", 0, 0, 403, 403, 403, 403, 403, 403, 200, 403},
		{"other", 0, 0, 403, 403, 403, 403, 403, 403, 403, 200},
		{"all", 1, 1, 200, 200, 200, 204, 404, 403, 403, 403},
	} {
		t.Run(c.user, func(t *testing.T) {
			as := user(s, c.user)
			var repositories []any
			if as.get(t, "/repositories").want(200).into(&repositories); len(repositories) != c.repositories {
				t.Errorf("sees %d repositories, want %d", len(repositories), c.repositories)
			}
			as.get(t, "/repositories/"+repo).want(c.one)
			as.get(t, "/components?repository="+repo).want(c.components)
			if a := as.get(t, "/search?name=app").want(c.search); a.status == 200 {
				var found listing
				if a.into(&found); len(found.Items) != c.hits {
					t.Errorf("finds %d, want %d", len(found.Items), c.hits)
				}
			}
			as.rest(t, http.MethodDelete, component).want(c.remove)
			as.ask(t, "GET", "/repository/"+repo+"/v2/app/manifests/1", "", "Accept", "*/*").want(c.content)
			as.get(t, "/tasks").want(c.tasks)
			as.get(t, "/blobstores").want(c.stores)
			as.get(t, "/repositories/docker/hosted/"+repo).want(c.settings)
		})
	}
}

func TestDeleteAloneDeletesContent(t *testing.T) {
	s := nexustest.New(nexustest.Options{Users: []nexustest.User{{Name: "delete", Password: "secret", Privileges: []string{nexustest.View("docker-hosted", "delete")}}}})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(1))
	user(s, "delete").ask(t, "DELETE", "/repository/docker-hosted/v2/app/manifests/1", "").want(http.StatusAccepted)
}

// More than three failures lock a user out, the right password included, for
// a quarter of an hour without any try at all.
func TestLockout(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	wrong := caller{s, "admin", "wrong"}
	for range 4 {
		wrong.get(t, "/repositories").want(http.StatusUnauthorized)
	}
	locked := admin(s).get(t, "/repositories").want(http.StatusTooManyRequests)
	if locked.header.Get("Retry-After") != "30" || !strings.HasPrefix(locked.header.Get("Content-Type"), "text/html") {
		t.Errorf("locked out with %v", locked.header)
	}
	c.pass(14 * time.Minute)
	admin(s).get(t, "/status").want(http.StatusTooManyRequests)
	c.pass(14 * time.Minute)
	admin(s).get(t, "/repositories").want(http.StatusTooManyRequests)
	admin(s).ask(t, "GET", "/repository/docker-hosted/v2/", "").want(http.StatusTooManyRequests)
	c.pass(15 * time.Minute)
	admin(s).get(t, "/repositories").want(http.StatusOK)

	for range 4 {
		wrong.get(t, "/repositories").want(http.StatusUnauthorized)
	}
	s.SetPassword("admin", "admin123")
	admin(s).get(t, "/repositories").want(http.StatusOK)
}

func TestOnlyRecentReleasesLockOut(t *testing.T) {
	for _, o := range []nexustest.Options{{Dialect: nexustest.V389}, {Dialect: nexustest.V371}, {NoLockout: true}} {
		s := nexustest.New(o)
		for range 6 {
			caller{s, "admin", "wrong"}.get(t, "/repositories").want(http.StatusUnauthorized)
		}
		admin(s).get(t, "/repositories").want(http.StatusOK)
	}
}

func TestAnonymousAccess(t *testing.T) {
	s := nexustest.New(nexustest.Options{Anonymous: true})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(1))
	nobody(s).get(t, "/components?repository=docker-hosted").want(http.StatusOK)
	nobody(s).get(t, "/tasks").want(http.StatusUnauthorized)
	nobody(s).rest(t, http.MethodDelete, "/components/"+s.ComponentID("docker-hosted", "app", "1")).want(http.StatusForbidden)
	nobody(s).ask(t, "GET", "/repository/docker-hosted/v2/", "").want(http.StatusUnauthorized)
}

func TestPrivilegesCanExpire(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	admin(s).get(t, "/tasks").want(http.StatusOK)
	s.SetPrivileges("admin", nexustest.View("*", "browse"))
	admin(s).get(t, "/tasks").want(http.StatusForbidden)
}

func TestServerHeader(t *testing.T) {
	for want, o := range map[string]nexustest.Options{
		"Nexus/3.96.3-01 (COMMUNITY)": {},
		"Nexus/3.71.0-06 (OSS)":       {Dialect: nexustest.V371},
		"nginx":                       {ServerHeader: "nginx"},
		"":                            {StripServer: true},
	} {
		s := nexustest.New(o)
		if got := nobody(s).get(t, "/status").header.Get("Server"); got != want {
			t.Errorf("Server %q, want %q", got, want)
		}
	}
}

func TestContextPath(t *testing.T) {
	s := nexustest.New(nexustest.Options{ContextPath: "/nexus", Dialect: nexustest.V389, Repositories: []nexustest.Repository{{Name: "docker-hosted", PathEnabled: true}}})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(1))
	admin(s).get(t, "/status").want(http.StatusNotFound)
	for _, path := range []string{"/nexus/service/rest/v1/repositories", "/nexus/repository/docker-hosted/v2/", "/nexus/v2/", "/nexus/v2/docker-hosted/app/tags/list", "/nexus/"} {
		admin(s).ask(t, "GET", path, "").want(http.StatusOK)
	}
	a := admin(s).ask(t, "GET", "/nexus/service/rest/v1/components?repository=docker-hosted", "")
	if !strings.Contains(a.body, `"http://nexus.example.com/nexus/repository/docker-hosted/v2/app/manifests/1"`) {
		t.Errorf("downloadUrl lacks the context path: %s", a.body)
	}
}
