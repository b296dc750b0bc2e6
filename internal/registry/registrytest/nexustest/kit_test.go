package nexustest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

var noon = time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time                 { return c.at }
func (c *clock) pass(d time.Duration)           { c.at = c.at.Add(d) }
func newClock() *clock                          { return &clock{noon} }
func ago(days int) time.Time                    { return noon.AddDate(0, 0, -days) }
func admin(s *nexustest.Server) caller          { return caller{s, "admin", "admin123"} }
func nobody(s *nexustest.Server) caller         { return caller{s, "", ""} }
func user(s *nexustest.Server, n string) caller { return caller{s, n, "secret"} }

// caller asks a server as somebody, past the network.
type caller struct {
	s              *nexustest.Server
	name, password string
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (c caller) ask(t *testing.T, method, target, body string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, "http://nexus.example.com"+target, strings.NewReader(body))
	if c.name != "" {
		r.SetBasicAuth(c.name, c.password)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, r)
	return answer{t, w.Code, w.Header(), w.Body.String()}
}

func (c caller) rest(t *testing.T, method, path string) answer {
	t.Helper()
	return c.ask(t, method, "/service/rest/v1"+path, "")
}

func (c caller) get(t *testing.T, path string) answer {
	t.Helper()
	return c.rest(t, http.MethodGet, path)
}

// want checks the status and returns the answer for more.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

func (a answer) into(value any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), value); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
}

type listing struct {
	Items []struct {
		ID         string
		Repository string
		Name       string
		Version    string
		Path       string
		Assets     []map[string]any
	}
	ContinuationToken *string
}

// pages follows a listing to its end and returns the size of every page and
// all names or paths.
func (c caller) pages(t *testing.T, path string, between func()) (sizes []int, versions []string) {
	t.Helper()
	target := path
	for {
		var p listing
		c.get(t, target).want(http.StatusOK).into(&p)
		sizes = append(sizes, len(p.Items))
		for _, item := range p.Items {
			versions = append(versions, item.Version+item.Path)
		}
		if p.ContinuationToken == nil {
			return sizes, versions
		}
		if between != nil {
			between()
		}
		target = path + "&continuationToken=" + url.QueryEscape(*p.ContinuationToken)
	}
}

func everyDialect(t *testing.T, test func(t *testing.T, d nexustest.Dialect)) {
	for _, d := range nexustest.Dialects() {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}
