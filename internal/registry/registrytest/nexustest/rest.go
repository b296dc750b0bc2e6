package nexustest

import (
	"net/http"
	"strings"
)

type handler func(*call)

// restRoutes are the REST resources of this release. What it lacks is not
// routed, and answers 404, or 405 where only the method is unknown.
func (s *Server) restRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	on := func(pattern string, serve handler) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /service/rest"+path, routed(serve))
	}
	on("GET /swagger.json", s.swagger)
	on("GET /v1/status", s.status)
	on("GET /v1/status/writable", s.status)
	on("GET /v1/status/check", s.statusCheck)
	on("GET /v1/repositories", s.listRepositories)
	on("GET /v1/repositories/{name}", s.oneRepository)
	on("GET /v1/repositories/{format}/{type}/{name}", s.repositorySettings)
	on("GET /v1/repositorySettings", s.allSettings)
	on("GET /v1/components", s.listComponents)
	on("GET /v1/components/{id}", s.oneComponent)
	on("DELETE /v1/components/{id}", s.deleteComponent)
	on("GET /v1/assets", s.listAssets)
	on("GET /v1/assets/{id}", s.oneAsset)
	on("DELETE /v1/assets/{id}", s.deleteAsset)
	on("GET /v1/search", s.search)
	on("GET /v1/search/assets", s.searchAssets)
	on("GET /v1/blobstores", s.listBlobStores)
	on("GET /v1/blobstores/{name}/quota-status", s.quotaStatus)
	on("GET /v1/tasks", s.listTasks)
	on("GET /v1/tasks/{id}", s.oneTask)
	on("POST /v1/tasks/{id}/run", s.runTask)
	on("POST /v1/tasks/{id}/stop", s.stopTask)
	if s.rel.createsTasks() {
		on("POST /v1/tasks", s.createTask)
		on("DELETE /v1/tasks/{id}", s.deleteTask)
	}
	return mux
}

// routed lets handlers of calls stand in a ServeMux: the call travels as the
// response writer.
func routed(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call)
		c.Request = r
		serve(c)
	})
}

// open are the resources that need no credentials: the API description, and
// the status probes.
func (s *Server) open(path string) bool {
	return path == "/service/rest/swagger.json" || path == "/service/rest/v1/status" || path == "/service/rest/v1/status/writable"
}

func (s *Server) serveREST(c *call, path string) {
	who, outcome := s.identify(c)
	c.who = who
	switch {
	case path == "/service/rest/swagger.json":
	case outcome == lockedOut:
		c.refuseLocked()
		return
	case outcome == wrongCredentials && path == "/service/rest/v1/status/writable" && s.rel.since(78):
	case outcome == wrongCredentials, who.nobody && s.rel.strictSignIn() && !s.open(path):
		c.challenge()
		return
	}
	stripped := c.Request.Clone(c.Context())
	stripped.URL.Path, stripped.URL.RawPath = path, ""
	s.rest.ServeHTTP(c, stripped)
}
