package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
)

// bearer is a registry with a token service of its own address. Tokens are
// "<scopes>#<n>"; those of an earlier generation are no longer taken.
type bearer struct {
	registry, tokens *httptest.Server
	generation       atomic.Int64
	mu               sync.Mutex
	scopes           []string // asked for
	users            []string
	grants           []string
	status           int // of the token service; 0: 200
}

func newBearer(t *testing.T) *bearer {
	b := &bearer{}
	b.tokens = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, _, _ := req.BasicAuth()
		b.mu.Lock()
		b.scopes = append(b.scopes, strings.Join(req.Form["scope"], " ")+req.FormValue("scope"))
		b.users = append(b.users, user)
		b.grants = append(b.grants, req.FormValue("grant_type")+" "+req.FormValue("refresh_token"))
		status := b.status
		b.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`)
			return
		}
		fmt.Fprintf(w, `{"token":"%s#%d","access_token":"%s#%d"}`, req.FormValue("scope"), b.generation.Load(), req.FormValue("scope"), b.generation.Load())
	}))
	b.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		repository := strings.Split(strings.TrimPrefix(req.URL.Path, "/v2/"), "/")[0]
		action := map[string]string{"GET": "pull", "HEAD": "pull", "DELETE": "delete"}[req.Method]
		token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		scope, generation, _ := strings.Cut(token, "#")
		if !strings.HasPrefix(scope, "repository:"+repository+":") || !strings.Contains(scope, action) || generation != fmt.Sprint(b.generation.Load()) {
			w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:%s:%s"`, b.tokens.URL, repository, action))
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(b.tokens.Close)
	t.Cleanup(b.registry.Close)
	return b
}

func connect(t *testing.T, address string, credential registry.Credential, opts ...Option) *Connection {
	t.Helper()
	c, err := Connect(registry.Endpoint{Name: "test", Address: address, Credentials: func(context.Context, string) (registry.Credential, error) {
		return credential, nil
	}}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask(t *testing.T, c *Connection, client *http.Client, method, path string, scopes ...string) (int, error) {
	t.Helper()
	target := c.Base()
	target.Path += path
	req, err := http.NewRequestWithContext(c.Scoped(t.Context(), scopes...), method, target.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// One token per repository and not one that collects every scope; a new one
// when the old one is no longer taken; delete in the scope before it is needed.
func TestBearerTokens(t *testing.T) {
	b := newBearer(t)
	c := connect(t, b.registry.URL, registry.Credential{Username: "me", Password: "secret"})
	read := func(repository string) {
		t.Helper()
		if status, err := ask(t, c, c.Reading(), "GET", "/v2/"+repository+"/tags/list", "repository:"+repository+":pull"); status != http.StatusOK || err != nil {
			t.Errorf("%d, %v", status, err)
		}
	}
	for range 3 {
		read("a")
		read("b")
	}
	if got := fmt.Sprint(len(b.scopes), b.users); got != "2 [me me]" {
		t.Errorf("tokens %s for %q", got, b.scopes)
	}
	if c.Requests() != 3*2+2+2 {
		t.Errorf("%d requests counted", c.Requests())
	}
	b.generation.Add(1) // in mid-run every token expires
	for range 3 {
		read("a")
	}
	if len(b.scopes) != 3 {
		t.Errorf("tokens for %q", b.scopes)
	}
	for range 2 {
		if status, err := ask(t, c, c.Changing(), "DELETE", "/v2/a/manifests/v1", "repository:a:pull,push,delete"); status != http.StatusOK || err != nil {
			t.Errorf("delete: %d, %v", status, err)
		}
	}
	if last := b.scopes[len(b.scopes)-1]; len(b.scopes) != 4 || !strings.Contains(last, "repository:a:delete,pull,push") || strings.Contains(last, "repository:b") {
		t.Errorf("tokens for %q", b.scopes)
	}
}

func TestManyRequestsShareOneToken(t *testing.T) {
	b := newBearer(t)
	c := connect(t, b.registry.URL, registry.Credential{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if status, err := ask(t, c, c.Reading(), "HEAD", "/v2/a/manifests/v1", "repository:a:pull"); status != http.StatusOK || err != nil {
				t.Errorf("%d, %v", status, err)
			}
		})
	}
	all.Wait()
	if len(b.scopes) > 8 {
		t.Errorf("%d tokens for one repository", len(b.scopes))
	}
}

func TestIdentityToken(t *testing.T) {
	b := newBearer(t)
	c := connect(t, b.registry.URL, registry.Credential{RefreshToken: "identity"})
	if status, err := ask(t, c, c.Reading(), "GET", "/v2/a/tags/list", "repository:a:pull"); status != http.StatusOK || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if fmt.Sprint(b.grants) != "[refresh_token identity]" {
		t.Errorf("granted %q", b.grants)
	}
}

// A wrong password is tried once, however many requests are waiting, and the
// error says what to do and not what the password is.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	check := func(t *testing.T, c *Connection, tried func() int) {
		t.Helper()
		for range 5 {
			status, err := ask(t, c, c.Reading(), "GET", "/v2/a/tags/list", "repository:a:pull")
			var failure *registry.Error
			if !errors.Is(err, registry.ErrDenied) || !errors.As(err, &failure) || !strings.Contains(failure.Hint, "refused user me") || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("%d, %v", status, err)
			}
		}
		if tried() != 1 {
			t.Errorf("tried %d times", tried())
		}
	}
	wrong := registry.Credential{Username: "me", Password: "secret"}
	t.Run("bearer", func(t *testing.T) {
		b := newBearer(t)
		b.status = http.StatusUnauthorized
		check(t, connect(t, b.registry.URL, wrong), func() int { return len(b.users) })
	})
	t.Run("basic", func(t *testing.T) {
		var tried atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") != "" {
				tried.Add(1)
			}
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		defer s.Close()
		check(t, connect(t, s.URL, wrong), func() int { return int(tried.Load()) })
	})
}

// Where the sign-in worked, a 401 for one repository says nothing about the
// others.
func TestOneDeniedRepositoryDoesNotEndTheRun(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, password, _ := req.BasicAuth(); password == "secret" && !strings.Contains(req.URL.Path, "hidden") {
			return
		}
		w.Header().Set("Www-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	c := connect(t, s.URL, registry.Credential{Username: "me", Password: "secret"})
	if status, err := ask(t, c, c.Reading(), "GET", "/v2/"); status != http.StatusOK || err != nil {
		t.Errorf("sign in: %d, %v", status, err)
	}
	for _, path := range []string{"/v2/hidden/tags/list", "/v2/seen/tags/list", "/v2/hidden/tags/list", "/v2/seen/tags/list"} {
		want := http.StatusOK
		if strings.Contains(path, "hidden") {
			want = http.StatusUnauthorized
		}
		if status, err := ask(t, c, c.Reading(), "GET", path); status != want || err != nil {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
}

func TestNoCredentialsWhereSomeAreWanted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Www-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	c := connect(t, s.URL, registry.Credential{})
	_, err := ask(t, c, c.Reading(), "GET", "/v2/")
	if !errors.Is(err, registry.ErrDenied) || !strings.Contains(fmt.Sprint(err), "docker login") {
		t.Errorf("%v", err)
	}
}

func TestAHelperThatFailsIsNamed(t *testing.T) {
	b := newBearer(t)
	c, err := Connect(registry.Endpoint{Address: b.registry.URL, Credentials: func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{}, errors.New("credential helper docker-credential-x failed")
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c, c.Reading(), "GET", "/v2/a/tags/list"); !errors.Is(err, registry.ErrDenied) || !strings.Contains(fmt.Sprint(err), "docker-credential-x") {
		t.Errorf("%v", err)
	}
}

// Credentials stay with the registry when it sends a read elsewhere, and
// nothing else is sent elsewhere at all: a redirected DELETE would arrive as a
// GET, whose 200 looks like success.
func TestRedirects(t *testing.T) {
	var elsewhere []string
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		elsewhere = append(elsewhere, req.Method+" "+req.Header.Get("Authorization"))
	}))
	defer store.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") == "" {
				w.Header().Set("Www-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			http.Redirect(w, req, store.URL+"/stored", code)
		}))
		c := connect(t, s.URL, registry.Credential{Username: "me", Password: "secret"})
		for range 2 {
			if status, err := ask(t, c, c.Reading(), "GET", "/v2/a/blobs/x"); status != http.StatusOK || err != nil {
				t.Errorf("%d: %d, %v", code, status, err)
			}
		}
		for _, method := range []string{"DELETE", "PUT", "POST"} {
			if status, err := ask(t, c, c.Changing(), method, "/v2/a/manifests/x"); status != code || err != nil {
				t.Errorf("%s, %d: %d, %v", method, code, status, err)
			}
		}
		s.Close()
	}
	if len(elsewhere) != 10 {
		t.Errorf("sent elsewhere: %q", elsewhere)
	}
	for _, sent := range elsewhere {
		if sent != "GET " {
			t.Errorf("sent elsewhere: %q", sent)
		}
	}
}

// A tool once deleted in what it called a dry run (zot before 2026-08). Here
// the client that plans cannot send what deletes.
func TestTheReadingClientCannotChangeAnything(t *testing.T) {
	var sent []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { sent = append(sent, req.Method) }))
	defer s.Close()
	c := connect(t, s.URL, registry.Credential{})
	for _, method := range []string{"DELETE", "PUT", "POST", "PATCH", "delete", "PROPFIND"} {
		if status, err := ask(t, c, c.Reading(), method, "/v2/a/manifests/x"); !errors.Is(err, registry.ErrUnsupported) {
			t.Errorf("%s: %d, %v", method, status, err)
		}
	}
	if len(sent) > 0 || c.Requests() > 0 {
		t.Errorf("sent %q", sent)
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		if _, err := ask(t, c, c.Reading(), method, "/v2/"); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}
