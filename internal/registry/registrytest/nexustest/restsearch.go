package nexustest

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const searchPage = 50

// search finds components. Its token is an offset into a result that shrinks
// while somebody deletes, and new components are missing for a while.
func (s *Server) search(c *call) {
	hits, ok := s.hits(c)
	if !ok {
		return
	}
	offset, ok := s.searchOffset(c)
	if !ok {
		return
	}
	items := array{}
	for _, hit := range window(hits, offset) {
		items = append(items, c.componentXO(hit.holder, hit.component, true))
	}
	s.searchAnswer(c, items, offset)
}

// searchAssets finds the assets of components.
func (s *Server) searchAssets(c *call) {
	hits, ok := s.hits(c)
	if !ok {
		return
	}
	offset, ok := s.searchOffset(c)
	if !ok {
		return
	}
	var assets []*asset
	for _, hit := range hits {
		assets = append(assets, slices.DeleteFunc(slices.Clone(hit.component.assets), func(a *asset) bool { return !c.who.selects(a) })...)
	}
	items := array{}
	for _, a := range window(assets, offset) {
		items = append(items, c.assetXO(a.repo, a, true))
	}
	s.searchAnswer(c, items, offset)
}

type hit struct {
	holder    *repo
	component *component
}

func window[T any](all []T, offset int) []T {
	start := min(offset, len(all))
	return all[start:min(start+searchPage, len(all))]
}

func (s *Server) searchAnswer(c *call, items array, offset int) {
	var token any
	if len(items) == searchPage {
		next := strconv.Itoa(offset + searchPage)
		if s.rel.orient() {
			next = hex.EncodeToString([]byte(next + ":" + queryHash(c)))
		}
		token = next
	}
	c.json(http.StatusOK, object{{"items", items}, {"continuationToken", token}})
}

// queryHash ties an OrientDB token to the query that it continues.
func queryHash(c *call) string {
	query := c.URL.Query()
	query.Del("continuationToken")
	return fmt.Sprintf("%x", md5.Sum([]byte(query.Encode())))
}

func (s *Server) searchOffset(c *call) (int, bool) {
	token := c.URL.Query().Get("continuationToken")
	if token == "" {
		return 0, true
	}
	if !s.rel.orient() {
		offset, err := strconv.Atoi(token)
		if err != nil || offset < 0 {
			c.invalid("continuationToken", "Continuation token should be a number")
			return 0, false
		}
		return offset, true
	}
	decoded, err := hex.DecodeString(token)
	text, hash, found := strings.Cut(string(decoded), ":")
	offset, parseErr := strconv.Atoi(text)
	if err != nil || !found || parseErr != nil || hash != queryHash(c) {
		c.fault(http.StatusNotAcceptable)
		return 0, false
	}
	return offset, true
}

// searchFields are the query parameters that match a component's own words.
var searchFields = map[string]func(*component) string{
	"name":                 func(found *component) string { return found.name },
	"version":              func(found *component) string { return found.version },
	"docker.imageName":     func(found *component) string { return found.name },
	"docker.imageTag":      func(found *component) string { return found.version },
	"oci.imageName":        func(found *component) string { return found.name },
	"oci.imageTag":         func(found *component) string { return found.version },
	"docker.contentDigest": contentDigest,
	"oci.contentDigest":    contentDigest,
}

func contentDigest(found *component) string {
	if len(found.assets) == 0 {
		return ""
	}
	return string(found.assets[0].digest())
}

// hits are the components that match, in the order asked for. An unknown
// repository has none, and without browse there is nothing to find.
func (s *Server) hits(c *call) ([]hit, bool) {
	query := c.URL.Query()
	if c.who.known && s.rel.strictSignIn() && !slices.ContainsFunc(s.repos, c.who.sees) {
		c.refuse(true)
		return nil, false
	}
	for name, values := range query {
		if _, text := searchFields[name]; !text && name != "q" {
			continue
		}
		for _, value := range values {
			if problem := s.wildcardProblem(value); problem != "" {
				c.invalid("*", problem)
				return nil, false
			}
		}
	}
	var hits []hit
	for _, r := range s.repos {
		if r.Type == "group" || !c.who.may(r, "browse") ||
			query.Has("repository") && query.Get("repository") != r.Name ||
			query.Has("format") && query.Get("format") != r.Format {
			continue
		}
		for _, found := range r.components {
			if s.options.SearchLag > 0 && found.created.Add(s.options.SearchLag).After(c.now) {
				continue
			}
			if matchesQuery(found, query) {
				hits = append(hits, hit{r, found})
			}
		}
	}
	order(hits, query.Get("sort"), query.Get("direction"))
	return hits, true
}

func (s *Server) wildcardProblem(value string) string {
	switch {
	case strings.HasPrefix(value, "*"), strings.HasPrefix(value, "?"):
		return "Leading wildcards are prohibited"
	case strings.HasSuffix(value, "*") && len(value) < 4 && s.rel.since(90):
		return "3 characters or more are required with a trailing wildcard (*)"
	}
	return ""
}

func matchesQuery(found *component, query map[string][]string) bool {
	for name, values := range query {
		text, known := searchFields[name]
		for _, value := range values {
			switch {
			case known && !matchesWord(text(found), value):
				return false
			case name == "q" && !matchesWord(found.name, value) && !matchesWord(found.version, value):
				return false
			case name == "group" && value != "":
				return false
			}
		}
	}
	return true
}

// matchesWord is an exact, case-sensitive match, or one of a beginning.
func matchesWord(text, pattern string) bool {
	if beginning, found := strings.CutSuffix(pattern, "*"); found {
		return strings.HasPrefix(text, beginning)
	}
	return text == pattern
}

func order(hits []hit, by, direction string) {
	key := func(h hit) string { return "" }
	switch by {
	case "name":
		key = func(h hit) string { return h.component.name }
	case "version":
		key = func(h hit) string { return h.component.version }
	case "repository":
		key = func(h hit) string { return h.holder.Name }
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(key(a), key(b)) })
	if direction == "desc" {
		slices.Reverse(hits)
	}
}
