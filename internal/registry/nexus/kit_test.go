package nexus_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// inProcess carries requests to a handler without a network, so that tests run
// inside synctest's time.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(request *http.Request) (response *http.Response, err error) {
	if request.Body == nil {
		request.Body = http.NoBody
	}
	defer request.Body.Close()
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	defer func() {
		if r := recover(); r != nil {
			if r != http.ErrAbortHandler {
				panic(r)
			}
			if recorder.Body.Len() > 0 {
				response = recorder.Result() // a promise that was not kept
				response.Body = &broken{recorder}
				response.Request = request
				return
			}
			response, err = nil, errors.New("connection reset by peer")
		}
	}()
	p.handler.ServeHTTP(recorder, request)
	response = recorder.Result()
	response.Request = request
	return response, nil
}

type broken struct{ *httptest.ResponseRecorder }

func (b *broken) Read(p []byte) (int, error) {
	if b.Body.Len() == 0 {
		return 0, errors.New("unexpected EOF")
	}
	return b.Body.Read(p)
}

func (b *broken) Close() error { return nil }

func credentials(user, password string) registry.CredentialSource {
	return func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{Username: user, Password: password}, nil
	}
}

func open(t *testing.T, handler http.Handler, change ...func(*registry.Endpoint)) *nexus.Registry {
	t.Helper()
	endpoint := registry.Endpoint{Name: "nexus.example.com", Address: "https://nexus.example.com", Credentials: credentials("admin", "admin123")}
	for _, c := range change {
		c(&endpoint)
	}
	r, err := nexus.New(endpoint, wrap.WithTransport(inProcess{handler}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func as(user string) func(*registry.Endpoint) {
	return func(e *registry.Endpoint) { e.Credentials = credentials(user, "secret") }
}

// onAll runs a test on every dialect, each in a time of its own.
func onAll(t *testing.T, test func(t *testing.T, dialect nexustest.Dialect)) {
	t.Helper()
	for _, dialect := range nexustest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, dialect) })
		})
	}
}

func daysAgo(n int) time.Time { return time.Now().AddDate(0, 0, -n) }

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	all, err := drain(seq)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func drain[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

func tagsOf(t *testing.T, r *nexus.Registry, repository string) map[string]registry.Tag {
	t.Helper()
	found := map[string]registry.Tag{}
	for _, tag := range collect(t, r.Tags(t.Context(), repository)) {
		found[tag.Name] = tag
	}
	return found
}

func keys[V any](m map[string]V) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
