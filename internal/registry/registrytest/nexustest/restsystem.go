package nexustest

import (
	"net/http"
)

// status needs no credentials, but wrong ones were refused before.
func (s *Server) status(c *call) { c.empty(http.StatusOK) }

func (s *Server) statusCheck(c *call) {
	if !c.demand("nexus:metrics:read") {
		return
	}
	healthy := object{{"healthy", true}, {"message", "The host system is allocating a maximum of 4 cores to the application."},
		{"error", nil}, {"details", nil}, {"time", c.now.UnixMilli()}, {"duration", 0}, {"timestamp", c.now}}
	c.json(http.StatusOK, object{{"Available CPUs", healthy}})
}

// swagger is the beginning of the API description: enough to tell the version.
func (s *Server) swagger(c *call) {
	kind := field{"openapi", "3.0.1"}
	if !s.rel.since(78) {
		kind = field{"swagger", "2.0"}
	}
	c.json(http.StatusOK, object{kind, {"info", object{{"version", s.rel.version}, {"title", "Nexus Repository Manager REST API"}}}, {"paths", object{}}})
}

func (s *Server) listBlobStores(c *call) {
	if !c.demand(PrivilegeBlobStoresRead) {
		return
	}
	all := array{}
	for _, st := range s.stores {
		var quota any
		if st.QuotaType != "" {
			quota = object{{"type", st.QuotaType}, {"limit", st.Quota}}
		}
		count, bytes := st.metrics(c.now, s.options.MetricsLag)
		all = append(all, object{{"softQuota", quota}, {"name", st.Name}, {"type", st.Type}, {"unavailable", false},
			{"blobCount", count}, {"totalSizeInBytes", bytes}, {"availableSpaceInBytes", st.Available}})
	}
	c.json(http.StatusOK, all)
}

func (s *Server) quotaStatus(c *call) {
	if !c.demand(PrivilegeBlobStoresRead) {
		return
	}
	st := s.storeNamed(c.PathValue("name"))
	if st == nil {
		c.fault(http.StatusNotFound)
		return
	}
	_, bytes := st.metrics(c.now, s.options.MetricsLag)
	violation, message := false, "Blob store "+st.Name+" has no quota"
	switch st.QuotaType {
	case "spaceUsedQuota":
		violation, message = bytes > st.Quota, "Blob store "+st.Name+" is limited by the space it uses"
	case "spaceRemainingQuota":
		violation, message = st.Available < st.Quota, "Blob store "+st.Name+" is limited by the space that remains"
	}
	c.json(http.StatusOK, object{{"isViolation", violation}, {"message", message}, {"blobStoreName", st.Name}})
}
