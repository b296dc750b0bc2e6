package nexustest

import (
	"net/http"
)

// listRepositories shows what the caller may browse; that is nothing, and no
// error, where releases before strict sign-in meet a caller without credentials.
func (s *Server) listRepositories(c *call) {
	all := array{}
	for _, r := range s.repos {
		if c.who.may(r, "browse") {
			all = append(all, c.repositoryXO(r))
		}
	}
	c.json(http.StatusOK, all)
}

func (s *Server) oneRepository(c *call) {
	if r := s.visible(c, c.PathValue("name")); r != nil {
		c.json(http.StatusOK, c.repositoryXO(r))
	}
}

func (c *call) repositoryURL(r *repo) string { return c.base() + "/repository/" + r.Name }

func (c *call) repositoryXO(r *repo) object {
	attributes := object{}
	if r.Type == "proxy" {
		attributes = object{{"proxy", object{{"remoteUrl", r.RemoteURL}}}}
	}
	shown := object{{"name", r.Name}, {"format", r.Format}, {"type", r.Type}, {"url", c.repositoryURL(r)}, {"attributes", attributes}}
	if c.s.rel.since(91) {
		var size int64
		for _, a := range r.assets {
			if a.blob != nil {
				size += int64(len(a.blob.body))
			}
		}
		shown = append(shown, field{"size", size})
	}
	if c.s.rel.since(94) {
		shown = append(shown, field{"online", !r.Offline})
	}
	return shown
}

func (c *call) administers(r *repo) bool {
	return c.who.can("nexus:repository-admin:" + r.Format + ":" + r.Name + ":read")
}

func (s *Server) allSettings(c *call) {
	all := array{}
	for _, r := range s.repos {
		if c.administers(r) {
			all = append(all, c.settingsXO(r))
		}
	}
	if len(all) == 0 && len(s.repos) > 0 {
		c.refuse(false)
		return
	}
	c.json(http.StatusOK, all)
}

func (s *Server) repositorySettings(c *call) {
	r := s.repoNamed(c.PathValue("name"))
	switch {
	case r == nil || r.Format != c.PathValue("format") || r.Type != c.PathValue("type"):
		c.fault(http.StatusNotFound)
	case !c.administers(r):
		c.refuse(false)
	default:
		c.json(http.StatusOK, c.settingsXO(r))
	}
}

func (c *call) settingsXO(r *repo) object {
	storage := object{{"blobStoreName", r.BlobStore}, {"strictContentTypeValidation", true}}
	if r.hosted() {
		storage = append(storage, field{"writePolicy", r.WritePolicy}, field{"latestPolicy", false})
	}
	var cleanup any
	if len(r.Cleanup) > 0 {
		cleanup = object{{"policyNames", r.Cleanup}}
	}
	shown := object{{"name", r.Name}, {"format", r.Format}, {"type", r.Type}, {"online", !r.Offline},
		{"url", c.repositoryURL(r)}, {"storage", storage}}
	switch r.Type {
	case "hosted":
		shown = append(shown, field{"cleanup", cleanup}, field{"component", object{{"proprietaryComponents", false}}})
	case "group":
		shown = append(shown, field{"group", object{{"memberNames", r.Members}, {"writableMember", nil}}})
	case "proxy":
		shown = append(shown, field{"cleanup", cleanup},
			field{"proxy", object{{"remoteUrl", r.RemoteURL}, {"contentMaxAge", 1440}, {"metadataMaxAge", 1440}}},
			field{"negativeCache", object{{"enabled", true}, {"timeToLive", 1440}}},
			field{"httpClient", object{{"blocked", false}, {"autoBlock", true}, {"connection", nil}, {"authentication", nil}}},
			field{"routingRuleName", nil},
			field{"dockerProxy", object{{"indexType", "REGISTRY"}, {"indexUrl", nil}, {"cacheForeignLayers", nil}, {"foreignLayerUrlWhitelist", array{}}}})
	}
	return append(shown, field{r.Format, c.connectorXO(r)})
}

func (c *call) connectorXO(r *repo) object {
	var port, byPath any
	if r.HTTPPort != 0 {
		port = r.HTTPPort
	}
	shown := object{{"v1Enabled", false}, {"forceBasicAuth", !r.BearerAuth}, {"httpPort", port}, {"httpsPort", nil}, {"subdomain", nil}}
	if c.s.rel.routesByPath() {
		if r.PathEnabled {
			byPath = true
		}
		shown = append(shown, field{"pathEnabled", byPath})
	}
	return shown
}
