package nexustest

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// json answers with a document as REST writes it.
func (c *call) json(status int, value any) {
	c.status = status
	c.header.Set("Content-Type", "application/json")
	c.body.Write(render(value))
}

func (c *call) empty(status int) { c.status = status }

// fault is an error of a REST resource: recent releases say which in a JSON
// document, earlier ones send a fault id in a header and nothing else.
func (c *call) fault(status int) {
	c.status = status
	id := c.s.draw("fault")
	c.header.Set("X-Siesta-FaultId", id)
	if !c.s.rel.faultBodies() {
		return
	}
	c.header.Set("Content-Type", "application/json")
	name := strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	fmt.Fprintf(&c.body, `{"status-code": %d, "siesta-faultid": "%s", "status-message": "%s"}`, status, id, name)
}

// invalid is a 400 that names what is wrong with the request.
func (c *call) invalid(id, message string) {
	c.status = http.StatusBadRequest
	c.header.Set("Content-Type", "application/vnd.siesta-validation-errors-v1+json")
	c.body.Write(render(array{object{{"id", id}, {"message", message}}}))
}

// html is an error page of the web server around REST.
func (c *call) html(status int, reason string) {
	c.status = status
	c.header.Set("Content-Type", "text/html")
	fmt.Fprintf(&c.body, "<!DOCTYPE html>\n<html lang=\"en\"><head><title>%d - Nexus Repository Manager</title></head><body>%s</body></html>\n",
		status, html.EscapeString(reason))
}

// registryError is an error of the registry API.
func (c *call) registryError(status int, code, message string, detail ...object) {
	c.status = status
	c.header.Set("Content-Type", "application/json")
	c.header.Set("Docker-Distribution-Api-Version", "registry/2.0")
	var details any
	if len(detail) > 0 {
		list := array{}
		for _, d := range detail {
			list = append(list, d)
		}
		details = list
	}
	c.body.Write(line(object{{"errors", array{object{{"code", code}, {"message", message}, {"detail", details}}}}}))
}

// challenge asks for credentials the way Nexus asks outside of registries.
func (c *call) challenge() {
	c.header.Set("WWW-Authenticate", `BASIC realm="Sonatype Nexus Repository Manager"`)
	c.status = http.StatusUnauthorized
}

// base is the URL under which the caller reached the server, or what the
// administrator says it is.
func (c *call) base() string {
	if c.s.options.BaseURL != "" {
		return strings.TrimRight(c.s.options.BaseURL, "/")
	}
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	if forwarded := c.Request.Header.Get("X-Forwarded-Proto"); forwarded != "" {
		scheme = forwarded
	}
	return scheme + "://" + c.Host + c.s.options.ContextPath
}
