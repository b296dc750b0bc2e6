package distribution_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

func TestDescribe(t *testing.T) {
	mux := func(routes map[string]string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			body, found := routes[req.URL.RequestURI()]
			if !found {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer           http.HandlerFunc
		catalog, counted registry.Support
		version          string
		failure          error
	}{
		"zot": {answer: mux(map[string]string{
			"/v2/": "{}", "/v2/_catalog?n=1": `{"repositories":[]}`,
			"/v2/_oci/ext/discover": `{"name":"discover","extensions":[{"name":"_zot","url":"x"}]}`,
		}), catalog: registry.SupportYes, counted: registry.SupportYes, version: "zot"},
		"GitLab":              {answer: mux(map[string]string{"/v2/": "{}"}, "Gitlab-Container-Registry-Version", "4.39.0-gitlab"), catalog: registry.SupportNo, version: "GitLab container registry 4.39.0-gitlab"},
		"catalog not allowed": {answer: deny(mux(map[string]string{"/v2/": "{}"}), "_catalog", http.StatusForbidden)},
		"catalog broken":      {answer: deny(mux(map[string]string{"/v2/": "{}"}), "_catalog", http.StatusInternalServerError), failure: registry.ErrUnavailable},
		"a web site":          {answer: http.NotFound, failure: registry.ErrUnsupported},
		"a web site that answers everything": {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><html>") },
			failure: registry.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := open(t, serve(t, c.answer).URL).Describe(t.Context())
			if !errors.Is(err, c.failure) || info.Name != "test" || info.Kind != "distribution" {
				t.Errorf("%+v, %v", info, err)
			}
			if can := info.Capabilities; c.failure == nil && (can.Catalog != c.catalog || can.PullsCounted != c.counted || info.Version != c.version) {
				t.Errorf("%+v", info)
			}
		})
	}
}

func deny(next http.HandlerFunc, part string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, part) {
			w.WriteHeader(status)
			return
		}
		next(w, req)
	}
}

// What a new user meets first: a wrong password, no password, a host that is
// down. Each ends in a sentence that helps, and after few requests.
func TestFirstContact(t *testing.T) {
	locked := live.Distribution(t, server.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, password, _ := req.BasicAuth(); password == "right" {
				next.ServeHTTP(w, req)
				return
			}
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		})
	}}).Host
	down := httptest.NewServer(nil)
	down.Close()
	for name, c := range map[string]struct {
		endpoint registry.Endpoint
		kind     error
		words    string
		requests int64
	}{
		"right password": {registry.Endpoint{Address: locked, Credentials: credential("right")}, nil, "", 6},
		"wrong password": {registry.Endpoint{Address: locked, Credentials: credential("geheim")}, registry.ErrDenied, "user me", 2},
		"no password":    {registry.Endpoint{Address: locked}, registry.ErrDenied, "docker login " + locked, 1},
		"host down":      {registry.Endpoint{Address: strings.TrimPrefix(down.URL, "http://")}, registry.ErrUnavailable, "Nothing listens", 1},
		"no such host":   {registry.Endpoint{Address: "registry.invalid"}, registry.ErrUnavailable, "Check the host name", 1},
		"TLS to plain":   {registry.Endpoint{Address: locked, ForceTLS: true}, registry.ErrUnavailable, "--plain-http", 1},
	} {
		t.Run(name, func(t *testing.T) {
			c.endpoint.Name = "r"
			r := openAt(t, c.endpoint)
			_, err := r.Describe(t.Context())
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.words) || strings.Contains(fmt.Sprint(err), "geheim") {
				t.Errorf("%v", err)
			}
			if r.Requests() > c.requests {
				t.Errorf("%d requests, want at most %d", r.Requests(), c.requests)
			}
		})
	}
}

func credential(password string) registry.CredentialSource {
	return func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{Username: "me", Password: password}, nil
	}
}

func TestPlainHTTPToTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	_, err := open(t, strings.TrimPrefix(s.URL, "https://")).Describe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "https://") {
		t.Error(err)
	}
}

// Every request on the wire is counted, whoever sent it and why.
func TestRequestsAreCountedTruly(t *testing.T) {
	throttled := 2
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodDelete:
			w.WriteHeader(http.StatusAccepted)
		case throttled > 0:
			throttled--
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case req.URL.Path == "/v2/app/tags/list":
			http.Redirect(w, req, "/moved", http.StatusTemporaryRedirect)
		default:
			fmt.Fprint(w, listing("tags", "a"))
		}
	})
	r := open(t, s.URL)
	if _, err := tagNames(t, r, "app"); err != nil {
		t.Error(err)
	}
	if _, err := mutator(t, r).Probe(t.Context(), "app"); err != nil {
		t.Error(err)
	}
	if sent := int64(len(s.requests())); r.Requests() != sent || sent != 6 {
		t.Errorf("counted %d of %d", r.Requests(), sent)
	}
}

func TestWaitingIsTold(t *testing.T) {
	asked := 0
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, listing("tags"))
	})
	var told []event.Event
	r := open(t, s.URL, wrap.WithEvents(func(e event.Event) { told = append(told, e) }))
	if _, err := tagNames(t, r, "app"); err != nil {
		t.Error(err)
	}
	if len(told) != 1 || told[0].(event.Waiting).Registry != "test" || told[0].(event.Waiting).Seconds != 1 {
		t.Errorf("told %+v", told)
	}
}

// Cancelled means "stop", never "the list ends here".
func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		if req.FormValue("last") != "" {
			cancel()
			<-req.Context().Done()
			return
		}
		w.Header().Set("Link", "<?last=a>; rel=next")
		fmt.Fprint(w, listing("tags", "a"))
	})
	tags, err := collect(open(t, s.URL).Tags(ctx, "app"))
	if len(tags) != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", tags, err)
	}
}

// The registry that asks for an hour is named as throttled, with its wish.
func TestThrottledForLong(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := open(t, s.URL).Head(t.Context(), "app", "v1")
	if !errors.Is(err, registry.ErrThrottled) || !strings.Contains(err.Error(), "3600") || len(s.requests()) != 1 {
		t.Errorf("%v after %d", err, len(s.requests()))
	}
}
