package nexustest

import (
	"net/http"
	"regexp"
	"sync"
)

// Fault is something that goes wrong, or happens, at chosen requests. The
// request is matched by method and by a regular expression on its path and
// query, context path included. Without Status, Drop, Truncate, Body and
// header the request is answered as ever and only the hooks run.
type Fault struct {
	Method string // "": any
	Path   string // regular expression, unanchored
	Skip   int    // matching requests that pass first
	Times  int    // requests it then hits; 0: one, negative: all

	Status int         // answer with this status
	Body   string      // and this body
	Header http.Header // and these headers
	// Done carries the request out before Status, Drop or Body replace its
	// answer: the effect happened and the client is told otherwise.
	Done     bool
	Drop     bool // close the connection without an answer
	Truncate bool // carry it out, promise the whole answer and send half

	Before func() // called before the request is carried out
	After  func() // called when it has been
}

type armed struct {
	Fault
	pattern *regexp.Regexp
	seen    int
}

type faults struct {
	mu  sync.Mutex
	all []*armed
}

// Inject arms a fault. Of several that match a request, the first armed hits.
func (s *Server) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all = append(s.faults.all, &armed{Fault: f, pattern: regexp.MustCompile(f.Path)})
}

// ClearFaults disarms all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all = nil
}

func (all *faults) match(r *http.Request) *Fault {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, f := range all.all {
		if f.Method != "" && f.Method != r.Method || !f.pattern.MatchString(r.URL.RequestURI()) {
			continue
		}
		f.seen++
		if f.seen > f.Skip && (f.Times < 0 || f.seen <= f.Skip+f.Times) {
			return &f.Fault
		}
	}
	return nil
}

// replaces says whether the request is answered without being carried out.
func (f *Fault) replaces() bool {
	return !f.Done && (f.Status != 0 || f.Drop || f.Body != "")
}

// spoil puts the fault into the answer.
func (f *Fault) spoil(c *call) {
	c.drop, c.truncate = f.Drop, f.Truncate
	if f.Status != 0 {
		c.status = f.Status
	}
	if f.Status != 0 || f.Body != "" {
		c.body.Reset()
		c.body.WriteString(f.Body)
		c.header.Del("Content-Length")
		c.header.Set("Content-Type", "text/html")
	}
	for key, values := range f.Header {
		c.header[key] = values
	}
}
