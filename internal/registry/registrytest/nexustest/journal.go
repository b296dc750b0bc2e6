package nexustest

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Request is one request that the server answered.
type Request struct {
	Method string
	Path   string // below the context path, with its query
	Status int    // as sent; 0 when the connection was dropped
	User   string
	Class  Class
}

// Class is what part of the server a request asked.
type Class string

// The classes of requests.
const (
	ClassComponents   Class = "components" // the listing
	ClassComponent    Class = "component"  // one of them
	ClassAssets       Class = "assets"
	ClassAsset        Class = "asset"
	ClassSearch       Class = "search"
	ClassRepositories Class = "repositories" // listing, single, settings
	ClassTasks        Class = "tasks"
	ClassBlobStores   Class = "blobstores"
	ClassStatus       Class = "status" // status and the API description
	ClassRegistry     Class = "v2"
	ClassOther        Class = "other"
)

var classes = []struct {
	pattern *regexp.Regexp
	class   Class
}{
	{regexp.MustCompile(`^/service/rest/v1/components/.`), ClassComponent},
	{regexp.MustCompile(`^/service/rest/v1/components`), ClassComponents},
	{regexp.MustCompile(`^/service/rest/v1/assets/.`), ClassAsset},
	{regexp.MustCompile(`^/service/rest/v1/assets`), ClassAssets},
	{regexp.MustCompile(`^/service/rest/v1/search`), ClassSearch},
	{regexp.MustCompile(`^/service/rest/v1/repositor`), ClassRepositories},
	{regexp.MustCompile(`^/service/rest/v1/tasks`), ClassTasks},
	{regexp.MustCompile(`^/service/rest/v1/blobstores`), ClassBlobStores},
	{regexp.MustCompile(`^/service/rest/(v1/status|swagger)`), ClassStatus},
	{regexp.MustCompile(`^(/repository/[^/]+)?/v2(/|$|\?)`), ClassRegistry},
}

type journal struct {
	mu  sync.Mutex
	all []Request
}

func (j *journal) add(c *call) {
	path := strings.TrimPrefix(c.URL.Path, c.s.options.ContextPath)
	r := Request{Method: c.Method, Path: path, Status: c.status, Class: ClassOther}
	r.User, _, _ = c.BasicAuth()
	if c.drop {
		r.Status = 0
	}
	for _, candidate := range classes {
		if candidate.pattern.MatchString(path) {
			r.Class = candidate.class
			break
		}
	}
	if c.URL.RawQuery != "" {
		r.Path += "?" + c.URL.RawQuery
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, r)
}

// Requests are all requests since the start or ClearRequests, in the order of
// their answers.
func (s *Server) Requests() []Request {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return slices.Clone(s.journal.all)
}

// ClearRequests forgets them.
func (s *Server) ClearRequests() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.all = nil
}

// Count is how many requests of a class there were; of any of them without
// methods, else with one of those methods.
func (s *Server) Count(class Class, methods ...string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Class == class && (len(methods) == 0 || slices.Contains(methods, r.Method)) {
			n++
		}
	}
	return n
}
