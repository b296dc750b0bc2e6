package world

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// client speaks just enough of the distribution protocol to fill a registry
// and to look at it.
type client struct {
	host string
	http *http.Client
}

func newClient(host string) *client {
	return &client{host: host, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends one request; path is below /v2/, or a location that the registry
// gave.
func (c *client) send(ctx context.Context, method, path, contentType string, body []byte) (answer, error) {
	url := path
	switch {
	case strings.HasPrefix(path, "/"):
		url = "http://" + c.host + path
	case !strings.HasPrefix(path, "http"):
		url = "http://" + c.host + "/v2/" + path
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for _, accepted := range oci.AcceptManifests {
		request.Header.Add("Accept", accepted)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// want sends a request that must be answered with one of the statuses.
func (c *client) want(ctx context.Context, method, path, contentType string, body []byte, statuses ...int) (answer, error) {
	a, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return a, err
	}
	for _, status := range statuses {
		if a.status == status {
			return a, nil
		}
	}
	return a, fmt.Errorf("%s %s: HTTP %d: %s", method, path, a.status, a.body)
}
