package nexustest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// door is the way into one repository's registry API: its prefix stands before
// /v2 in URLs that clients must come back to.
type door struct {
	r      *repo
	prefix string // "/nexus/repository/docker-hosted"; "" on a connector
	byPath bool   // <base>/v2/<repository>/<image>
}

// serveRepository is <base>/repository/<name>/v2/….
func (s *Server) serveRepository(c *call, rest string) {
	name, path, _ := strings.Cut(rest, "/")
	r := s.repoNamed(name)
	if r == nil {
		c.html(http.StatusNotFound, "Repository not found")
		return
	}
	if path != "v2" && !strings.HasPrefix(path, "v2/") {
		c.html(http.StatusNotFound, "Not Found")
		return
	}
	s.serveV2(c, door{r: r, prefix: s.options.ContextPath + "/repository/" + name}, strings.TrimPrefix(strings.TrimPrefix(path, "v2"), "/"))
}

// serveConnector is a repository's own port.
func (s *Server) serveConnector(c *call, name string) {
	r := s.repoNamed(name)
	path := c.URL.Path
	if r == nil || path != "/v2" && !strings.HasPrefix(path, "/v2/") {
		c.html(http.StatusNotFound, "Not Found")
		return
	}
	s.serveV2(c, door{r: r}, strings.TrimPrefix(strings.TrimPrefix(path, "/v2"), "/"))
}

// serveByPath is <base>/v2/<repository>/<image>/…, for repositories with path
// routing. There is no catalog across repositories.
func (s *Server) serveByPath(c *call, rest string) {
	if !s.rel.routesByPath() {
		c.html(http.StatusNotFound, "Not Found")
		return
	}
	name, path, _ := strings.Cut(rest, "/")
	r := s.repoNamed(name)
	switch {
	case rest == "":
		if s.admit(c, "") {
			c.pong()
		}
	case r == nil || !r.PathEnabled || path == "":
		c.registryError(http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", object{{"Name", rest}})
	default:
		s.serveV2(c, door{r: r, prefix: s.options.ContextPath, byPath: true}, path)
	}
}

func (d door) url(image, tail string) string {
	if d.byPath {
		image = d.r.Name + "/" + image
	}
	return d.prefix + "/v2/" + image + tail
}

func (c *call) pong() {
	c.header.Set("Docker-Distribution-Api-Version", "registry/2.0")
	c.json(http.StatusOK, object{})
}

// admit signs the caller in; challenge is what a caller without credentials
// is told, "" for Basic.
func (s *Server) admit(c *call, challenge string) bool {
	who, outcome := s.identify(c)
	c.who = who
	basicOnly := challenge == ""
	switch {
	case outcome == lockedOut:
		c.refuseLocked()
	case outcome == wrongCredentials, who.nobody, !who.known && basicOnly:
		if basicOnly {
			challenge = `BASIC realm="Sonatype Nexus Repository Manager"`
		}
		c.header.Set("WWW-Authenticate", challenge)
		c.registryError(http.StatusUnauthorized, "UNAUTHORIZED", "access to the requested resource is not authorized")
	default:
		return true
	}
	return false
}

func (s *Server) serveV2(c *call, d door, path string) {
	challenge := ""
	if d.r.BearerAuth {
		realm := "http://" + c.Host + d.prefix + "/v2/token"
		challenge = `Bearer realm="` + realm + `",service="` + realm + `",scope="repository:*:pull"`
	}
	if path == "token" && d.r.BearerAuth {
		s.token(c)
		return
	}
	if !s.admit(c, challenge) {
		return
	}
	c.header.Set("Docker-Distribution-Api-Version", "registry/2.0")
	switch {
	case path == "":
		c.pong()
	case path == "_catalog" && !d.byPath:
		s.catalog(c, d)
	default:
		s.serveImage(c, d, path)
	}
}

// token gives a persistent token for Basic credentials.
func (s *Server) token(c *call) {
	who, outcome := s.identify(c)
	switch {
	case outcome == lockedOut:
		c.refuseLocked()
	case outcome == wrongCredentials:
		c.challenge()
	case !who.known:
		c.html(http.StatusNotFound, "Not Found")
	default:
		token := "DockerToken." + s.draw("token")
		s.tokens[token] = who.name
		c.json(http.StatusOK, object{{"token", token}})
	}
}

// needs maps a method to the action that it needs.
func needs(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		return "read"
	case http.MethodDelete:
		return "delete"
	default:
		return "add"
	}
}

func (c *call) allowed(r *repo, action string) bool {
	if c.who.may(r, action) || action == "add" && c.who.may(r, "edit") {
		return true
	}
	c.registryError(http.StatusForbidden, "DENIED", "access forbidden")
	return false
}

// serveImage routes what belongs to one image.
func (s *Server) serveImage(c *call, d door, path string) {
	image, kind, rest := splitImagePath(path)
	switch {
	case kind == "":
		c.registryError(http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", object{{"Name", path}})
		return
	case !oci.ValidRepository(image) || strings.Contains(image, "__") && !s.rel.since(72):
		c.registryError(http.StatusBadRequest, "NAME_INVALID", "invalid repository name", object{{"Name", image}})
		return
	case !c.allowed(d.r, needs(c.Method)):
		return
	case needs(c.Method) != "read" && !d.r.hosted():
		c.registryError(http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
		return
	}
	switch kind {
	case "tags":
		s.tags(c, d, image)
	case "manifests":
		s.serveManifest(c, d, image, rest)
	case "uploads":
		s.serveUpload(c, d, image, rest)
	case "blobs":
		s.serveBlob(c, d, image, rest)
	case "referrers":
		s.referrers(c, d, image, rest)
	}
}

func splitImagePath(path string) (image, kind, rest string) {
	if image, found := strings.CutSuffix(path, "/tags/list"); found {
		return image, "tags", ""
	}
	for _, marker := range []struct{ text, kind string }{
		{"/blobs/uploads", "uploads"}, {"/manifests/", "manifests"}, {"/blobs/", "blobs"}, {"/referrers/", "referrers"},
	} {
		if i := strings.LastIndex(path, marker.text); i > 0 {
			return path[:i], marker.kind, strings.TrimPrefix(path[i+len(marker.text):], "/")
		}
	}
	return "", "", ""
}

// names pages through sorted names. A missing, zero or absurd n is no limit.
func (c *call) names(d door, key string, names []string, head object, path string) {
	query := c.URL.Query()
	slices.Sort(names)
	names = slices.Compact(names)
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearch(names, last)
		if found {
			i++
		}
		names = names[i:]
	}
	if n, err := strconv.Atoi(query.Get("n")); err == nil && n > 0 && n < len(names) {
		names = names[:n]
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {names[n-1]}}
		if c.s.rel.minor == 71 && !d.byPath {
			path = strings.TrimPrefix(path, d.prefix)
		}
		c.header.Set("Link", "<"+path+"?"+next.Encode()+`>; rel="next"`)
	}
	c.status = http.StatusOK
	c.header.Set("Content-Type", "application/json")
	if names == nil {
		names = []string{}
	}
	c.body.Write(line(append(head, field{key, names})))
}

func (s *Server) catalog(c *call, d door) {
	if !c.allowed(d.r, "read") {
		return
	}
	var images []string
	for _, holder := range s.holders(d.r) {
		for _, a := range holder.assets {
			if image, _, ok := imageOf(a.path); ok {
				images = append(images, image)
			}
		}
	}
	c.names(d, "repositories", images, nil, d.prefix+"/v2/_catalog")
}

func (s *Server) tags(c *call, d door, image string) {
	var tags []string
	known := false
	for _, holder := range s.holders(d.r) {
		for _, a := range holder.assets {
			if name, tag, ok := imageOf(a.path); ok && name == image {
				known = true
				if a.component != nil {
					tags = append(tags, tag)
				}
			}
		}
	}
	if !known {
		c.registryError(http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", object{{"Name", image}})
		return
	}
	c.names(d, "tags", tags, object{{"name", image}}, d.url(image, "/tags/list"))
}
