package nexustest

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// call is one request and the answer that grows for it.
type call struct {
	*http.Request
	s    *Server
	sent []byte
	now  time.Time
	who  principal

	header http.Header
	status int
	body   bytes.Buffer

	drop     bool // close the connection instead of answering
	truncate bool // promise the whole body, send half
}

// finish sets what every answer carries, with or without a body.
func (c *call) finish() {
	switch {
	case c.s.options.StripServer:
	case c.s.options.ServerHeader != "":
		c.header.Set("Server", c.s.options.ServerHeader)
	default:
		c.header.Set("Server", c.s.rel.header())
	}
	c.header.Set("X-Content-Type-Options", "nosniff")
}

func (c *call) send(w http.ResponseWriter) {
	if c.drop {
		panic(http.ErrAbortHandler)
	}
	for key, values := range c.header {
		w.Header()[key] = values
	}
	if c.header.Get("Content-Length") == "" && c.status != http.StatusNoContent && c.status != http.StatusNotModified {
		w.Header().Set("Content-Length", fmt.Sprint(c.body.Len()))
	}
	w.WriteHeader(c.status)
	if c.Method == http.MethodHead {
		return
	}
	body := c.body.Bytes()
	if c.truncate {
		body = body[:len(body)/2]
	}
	_, err := w.Write(body)
	if c.truncate {
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		return
	}
}

// Header, Write and WriteHeader make a call a response writer for ServeMux's
// own answers.
func (c *call) Header() http.Header         { return c.header }
func (c *call) Write(p []byte) (int, error) { return c.body.Write(p) }
func (c *call) WriteHeader(status int)      { c.status = status }
