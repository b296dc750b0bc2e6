package nexus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// A wrong password is tried once, however many workers follow, because newer
// servers lock the user out after more than three.
func TestWrongPasswordIsSentOnce(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
		r := open(t, s, func(e *registry.Endpoint) { e.Credentials = credentials("admin", "wrong") })
		if _, err := r.Describe(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "15 minutes") {
			t.Fatalf("described with a wrong password: %v", err)
		}
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				if _, err := drain(r.Tags(t.Context(), fmt.Sprintf("docker-hosted/app%d", i))); !errors.Is(err, registry.ErrDenied) {
					t.Errorf("tags with a wrong password: %v", err)
				}
			})
		}
		wait.Wait()
		if n := len(s.Requests()); n != 1 {
			t.Errorf("%d requests with a wrong password, want 1", n)
		}
		if _, err := open(t, s).Describe(t.Context()); err != nil {
			t.Errorf("the right password afterwards: %v", err)
		}
	})
}

func TestLockoutIsNotProlonged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		for range 5 {
			_, err := open(t, s, func(e *registry.Endpoint) { e.Credentials = credentials("admin", "wrong") }).Describe(t.Context())
			if !errors.Is(err, registry.ErrDenied) {
				t.Fatal(err)
			}
		}
		r := open(t, s)
		s.ClearRequests()
		began := time.Now()
		_, err := drain(r.Repositories(t.Context()))
		if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "each try starts the wait anew") {
			t.Errorf("locked out: %v", err)
		}
		if time.Since(began) > time.Second {
			t.Errorf("waited %v in place of stopping at once", time.Since(began))
		}
		if _, err := r.Head(t.Context(), "docker-hosted/app", "1"); !errors.Is(err, registry.ErrDenied) {
			t.Errorf("after the lockout: %v", err)
		}
		if n := len(s.Requests()); n != 1 {
			t.Errorf("%d requests under a lockout, want 1", n)
		}
		time.Sleep(16 * time.Minute)
		if _, err := open(t, s).Describe(t.Context()); err != nil {
			t.Errorf("after the lockout ended: %v", err)
		}
	})
}

// A lockout in the middle of a run stops it, also what waits in the queue.
func TestLockoutInMidRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		for i := range 40 {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"x"}}, daysAgo(3))
		}
		r := open(t, s, func(e *registry.Endpoint) { e.Concurrency = 1 })
		tagsOf(t, r, "docker-hosted/app")
		s.Inject(nexustest.Fault{Path: "/components/", Status: http.StatusTooManyRequests, Skip: 5, Times: -1,
			Body: "<html><body>Too many authentication attempts</body></html>", Header: http.Header{"Retry-After": {"30"}}})
		s.ClearRequests()
		began := time.Now()
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() { _, _ = r.Head(t.Context(), "docker-hosted/app", fmt.Sprint(i)) })
		}
		wait.Wait()
		if n := len(s.Requests()); n != 6 {
			t.Errorf("%d requests, want 5 and the one that was refused", n)
		}
		if time.Since(began) > 5*time.Second {
			t.Errorf("took %v to stop", time.Since(began))
		}
	})
}

// Nobody signed in and nothing visible are errors, not empty servers.
func TestStrangers(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect, Users: []nexustest.User{
			{Name: "powerless", Password: "secret"},
			{Name: "reader", Password: "secret", Privileges: []string{nexustest.View("docker-hosted", "read")}},
		}})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
		for name, change := range map[string]func(*registry.Endpoint){
			"nobody":             func(e *registry.Endpoint) { e.Credentials = nil },
			"without privileges": as("powerless"), "without browse": as("reader"),
			"with a token alone": func(e *registry.Endpoint) {
				e.Credentials = func(context.Context, string) (registry.Credential, error) {
					return registry.Credential{RefreshToken: "x"}, nil
				}
			},
		} {
			if _, err := open(t, s, change).Describe(t.Context()); !errors.Is(err, registry.ErrDenied) {
				t.Errorf("%s: described: %v, want denied", name, err)
			}
			names, err := drain(open(t, s, change).Repositories(t.Context()))
			if len(names) != 0 || !errors.Is(err, registry.ErrDenied) {
				t.Errorf("%s: %v, %v; want denied", name, names, err)
			}
		}
	})
}

func TestAnonymousMayBeEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{Anonymous: true})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
		r := open(t, s, func(e *registry.Endpoint) { e.Credentials = nil })
		if names := collect(t, r.Repositories(t.Context())); len(names) != 1 {
			t.Errorf("repositories %v", names)
		}
	})
}

func TestSecretsStayOut(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	r := open(t, s, func(e *registry.Endpoint) { e.Credentials = credentials("admin", "hunter2-and-more") })
	_, err := r.Describe(t.Context())
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
		t.Errorf("error %v", err)
	}
}

func TestDetect(t *testing.T) {
	for _, dialect := range nexustest.Dialects() {
		for name, options := range map[string]nexustest.Options{
			"plain":           {},
			"context path":    {ContextPath: "/nexus"},
			"stripped header": {StripServer: true},
			"replaced header": {ServerHeader: "nginx", ContextPath: "/tools/nexus"},
			"with anonymous":  {Anonymous: true, StripServer: true},
		} {
			options.Dialect = dialect
			s := nexustest.New(options)
			s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
			base, stop, err := s.Start("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			found, err := nexus.Detect(t.Context(), registry.Endpoint{Address: base + "/", Credentials: credentials("admin", "wrong")})
			if !found || err != nil {
				t.Errorf("%s: %v, %v", name, found, err)
			}
			for _, request := range s.Requests() {
				if request.User != "" {
					t.Errorf("%s: detecting signed in", name)
				}
			}
			// What hides the document too leaves the words of the sign-in.
			s.Inject(nexustest.Fault{Path: "swagger", Status: http.StatusForbidden, Times: -1})
			if found, err := nexus.Detect(t.Context(), registry.Endpoint{Address: base}); options.Anonymous && (!found || err != nil) {
				t.Errorf("%s without API document: %v, %v", name, found, err)
			}
			r, err := nexus.New(registry.Endpoint{Name: "n", Address: base, Credentials: credentials("admin", "admin123")})
			if err != nil {
				t.Fatal(err)
			}
			s.ClearFaults()
			info, err := r.Describe(t.Context())
			if err != nil || info.URL != base || info.Version == "" {
				t.Errorf("%s: %+v, %v", name, info, err)
			}
			if names := collect(t, r.Repositories(t.Context())); len(names) != 1 {
				t.Errorf("%s: repositories %v", name, names)
			}
		}
	}
}

func TestDetectOthers(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{{Name: "docker-hosted", HTTPPort: 8082}}})
	host, stop, err := s.StartConnector("docker-hosted", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := nexus.Detect(t.Context(), registry.Endpoint{Address: "http://" + host}); found || !errors.Is(err, registry.ErrUnsupported) || !strings.Contains(err.Error(), "base URL") {
		t.Errorf("connector: %v, %v; want the advice to name the base URL", found, err)
	}
	stop()
	if found, err := nexus.Detect(t.Context(), registry.Endpoint{Address: "http://" + host}); found || !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("nobody there: %v, %v", found, err)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"another registry": http.NotFound,
		"always a page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
		"always a list":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") },
		"always 401":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		base := serve(t, handler)
		if found, err := nexus.Detect(t.Context(), registry.Endpoint{Address: base}); found || err != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

// A base URL that redirects is named, not followed: a redirected DELETE would
// arrive as a GET, and the credentials belong to the base URL.
func TestRedirectIsNamed(t *testing.T) {
	r := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://real.example.com"+r.URL.Path, http.StatusMovedPermanently)
	}))
	if _, err := r.Describe(t.Context()); err == nil || !strings.Contains(err.Error(), "https://real.example.com") {
		t.Errorf("redirected: %v", err)
	}
}

func TestRights(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		view := nexustest.View("docker-hosted", "browse")
		s := nexustest.New(nexustest.Options{Dialect: dialect, Users: []nexustest.User{
			{Name: "browser", Password: "secret", Privileges: []string{view}},
			{Name: "cleaner", Password: "secret", Privileges: []string{nexustest.View("docker-hosted", "browse,read,delete"),
				nexustest.PrivilegeTasksRead, nexustest.PrivilegeTasksStart, nexustest.PrivilegeBlobStoresRead}},
		}})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
		before := s.LastDownloads("docker-hosted")
		for user, want := range map[string]nexus.Have{"browser": nexus.Missing, "cleaner": nexus.Granted} {
			rights, err := nexus.NewMutator(open(t, s, as(user))).Rights(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, right := range rights {
				seen[right.Name] = true
				expected := want
				switch right.Name {
				case "browse":
					expected = nexus.Granted
				case "repo-config":
					expected = nexus.Missing
				}
				if right.Have != expected {
					t.Errorf("%s: %s is %v, want %v", user, right.Name, right.Have, expected)
				}
				if right.Cost == "" || right.Privilege == "" {
					t.Errorf("%s: %s has no words", user, right.Name)
				}
			}
			for _, name := range []string{"browse", "read", "delete", "tasks", "tasks-run", "blobstores"} {
				if !seen[name] {
					t.Errorf("%s: nothing about %s", user, name)
				}
			}
			readOnly, err := open(t, s, as(user)).Rights(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, right := range readOnly {
				if right.Name == "delete" && right.Have != nexus.HaveUnknown {
					t.Error("the reader claims to know about deleting")
				}
			}
		}
		for path, at := range s.LastDownloads("docker-hosted") {
			if !at.Equal(before[path]) {
				t.Errorf("%s looks used", path)
			}
		}
		if tags := s.Tags("docker-hosted", "app"); len(tags) != 1 {
			t.Errorf("tags left: %v", tags)
		}
	})
}

// down never answers.
type down struct{ tries int }

func (d *down) RoundTrip(*http.Request) (*http.Response, error) {
	d.tries++
	return nil, errors.New("connection refused")
}

// A server that never answered is down, and nobody wants to wait for that.
func TestServerThatIsDown(t *testing.T) {
	wire := &down{}
	r, err := nexus.New(registry.Endpoint{Name: "n", Address: "https://nexus.example.com"}, wrap.WithTransport(wire))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Describe(t.Context()); !errors.Is(err, registry.ErrUnavailable) || wire.tries != 1 {
		t.Errorf("%d tries, %v", wire.tries, err)
	}
}

// A cancelled context ends a sequence with its error.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		for i := range 250 {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"x"}}, daysAgo(3))
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.Inject(nexustest.Fault{Path: "/components", Skip: 1, Before: cancel})
		r := open(t, s)
		if tags, err := drain(r.Tags(ctx, "docker-hosted/app")); len(tags) != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d tags, %v", len(tags), err)
		}
		if got := len(tagsOf(t, r, "docker-hosted/app")); got != 250 {
			t.Errorf("%d tags for the next one who asks, want 250", got)
		}
	})
}
