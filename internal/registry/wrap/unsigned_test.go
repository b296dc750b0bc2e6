package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/regkeep/regkeep/internal/registry"
)

// Whether or not the auth client is left out makes no difference on the wire or
// to who asks, whatever a registry answers.
func TestLeavingTheAuthClientOutMakesNoDifference(t *testing.T) {
	challenge := func(how string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") == "" {
				w.Header().Set("Www-Authenticate", strings.Replace(how, "HOST", req.Host, 1))
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	}
	redirect := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if !strings.HasPrefix(req.URL.Path, "/stored") {
				http.Redirect(w, req, "/stored?signature=x", code)
			}
		}
	}
	basic, bearer := challenge(`Basic realm="test"`), challenge(`Bearer realm="http://HOST/token",service="test"`)
	for name, answer := range map[string]http.HandlerFunc{
		"what was asked for": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "content") },
		"not found":          http.NotFound,
		"not modified":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"forbidden":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a basic challenge":  basic,
		"a bearer challenge": bearer,
		"no challenge":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"another challenge":  challenge(`Negotiate`),
		"credentials refused": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"moved":                    redirect(http.StatusMovedPermanently),
		"see other":                redirect(http.StatusSeeOther),
		"temporarily elsewhere":    redirect(http.StatusTemporaryRedirect),
		"permanently elsewhere":    redirect(http.StatusPermanentRedirect),
		"elsewhere, saying not to": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
		"a circle":                 func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, req.URL.Path, http.StatusFound) },
		"elsewhere, where credentials are wanted": func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, "/stored") {
				basic(w, req)
				return
			}
			redirect(http.StatusFound)(w, req)
		},
		"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD", "DELETE", "PUT"} {
				for _, own := range []string{"", "Basic own"} {
					with := exchange(t, answer, method, own, func(s *signIn, req *http.Request) (*http.Response, error) { return s.client.Do(req) })
					without := exchange(t, answer, method, own, (*signIn).send)
					if !slices.Equal(with, without) {
						t.Errorf("%s, %q: %q, and %q through the auth client", method, own, without, with)
					}
				}
			}
		})
	}
}

// exchange makes the same request twice and tells what arrived, what came back
// and how many requests were counted. own is the Authorization that the request
// brings along.
func exchange(t *testing.T, answer http.HandlerFunc, method, own string, send func(*signIn, *http.Request) (*http.Response, error)) (told []string) {
	t.Helper()
	var mu sync.Mutex
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf(format, args...))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		header := req.Header
		if got := header["User-Agent"]; !slices.Equal(got, []string{UserAgent}) {
			t.Errorf("%s %s from %q", req.Method, req.RequestURI, got)
		}
		note("%s %s %q %q %q %q", req.Method, req.RequestURI, body, header["Authorization"], header["Accept"], strings.ReplaceAll(header.Get("Referer"), req.Host, "HOST"))
		if req.URL.Path == "/token" {
			fmt.Fprint(w, `{"token":"t"}`)
			return
		}
		answer(w, req)
	}))
	defer s.Close()
	var counter Counter
	wire := &http.Transport{}
	defer wire.CloseIdleConnections()
	base, _ := url.Parse(s.URL)
	in := newSignIn(counter.Transport(wire), base, func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{Username: "me", Password: "secret"}, nil
	})
	for range 2 {
		var body io.Reader
		if method == "PUT" {
			body = strings.NewReader("manifest")
		}
		req, _ := http.NewRequestWithContext(auth.WithScopesForHost(t.Context(), base.Host, "repository:a:pull"), method, s.URL+"/v2/a/manifests/v1", body)
		req.Header.Set("Accept", "*/*")
		if own != "" {
			req.Header.Set("Authorization", own)
		}
		before := req.Header.Clone()
		resp, err := send(in, req)
		if fmt.Sprint(req.Header) != fmt.Sprint(before) {
			t.Errorf("the request's header became %v", req.Header)
		}
		if err != nil {
			var wrapped *url.Error
			note("error %v of %t", strings.ReplaceAll(err.Error(), s.Listener.Addr().String(), "HOST"), errors.As(err, &wrapped))
			continue
		}
		content, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		note("%d %q %s %q", resp.StatusCode, content, resp.Request.URL.Path, resp.Request.Header["Authorization"])
	}
	note("%d requests", counter.Requests())
	return told
}

// A request that was on its way when the registry first asked another one for
// credentials uses the token that this one has fetched.
func TestAChallengeAmidOpenRequests(t *testing.T) {
	var tokens atomic.Int64
	var arrived sync.WaitGroup
	arrived.Add(2)
	signedIn := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/token":
			tokens.Add(1)
			fmt.Fprint(w, `{"token":"t"}`)
		case req.Header.Get("Authorization") == "":
			arrived.Done()
			arrived.Wait()
			if req.URL.Path == "/v2/late" {
				<-signedIn
			}
			w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, req.Host))
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	c := connect(t, s.URL, registry.Credential{Username: "me", Password: "secret"})
	look := func(path string) {
		if status, err := ask(t, c, c.Reading(), "HEAD", path, "repository:a:pull"); status != http.StatusOK || err != nil {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
	var late sync.WaitGroup
	late.Go(func() { look("/v2/late") })
	look("/v2/early")
	close(signedIn)
	late.Wait()
	if tokens.Load() != 1 || c.Requests() != 5 {
		t.Errorf("%d tokens, %d requests; want 1 and 5", tokens.Load(), c.Requests())
	}
}
