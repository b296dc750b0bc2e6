package nexus

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
)

// Detect says whether the endpoint is the base URL of a Nexus. It signs in
// nowhere. Proxies may replace the Server header, so the API document and the
// words in which Nexus asks for a sign-in count too. The port of a Docker
// connector of a Nexus is an error that asks for the base URL.
func Detect(ctx context.Context, endpoint registry.Endpoint) (bool, error) {
	c, err := dial(endpoint)
	if err != nil {
		return false, err
	}
	call := call{op: "find out what answers", path: restPath + "/status", anonymous: true, once: true}
	response, err := c.send(ctx, call)
	if err == nil {
		response.Body.Close()
	}
	_, named := parseServer(c.lastServer())
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var failure *registry.Error
	if errors.As(err, &failure) && failure.Status == 0 {
		return false, err
	}
	if missing := errors.Is(err, registry.ErrNotFound); missing {
		if named {
			return false, c.fail(call, registry.ErrUnsupported, "Name the base URL of Nexus instead (the address of its web page, with its context path)",
				errors.New("this is a Nexus, but its REST API is not here: a Docker connector port, or a base URL without its context path"))
		}
		return false, nil
	}
	if named {
		return true, nil
	}
	if document, err := c.document(ctx); err == nil {
		_, components := document.Paths["/v1/components"]
		return components || strings.Contains(document.Info.Title, "Nexus Repository"), nil
	} else if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return c.asksLikeNexus(ctx)
}

// asksLikeNexus looks at how a stranger is received where the API document is
// hidden.
func (c *client) asksLikeNexus(ctx context.Context) (bool, error) {
	call := call{op: "find out what answers", path: restPath + "/repositories", anonymous: true}
	request, err := c.request(ctx, call)
	if err != nil {
		return false, err
	}
	response, err := c.reading.Do(request)
	if err != nil {
		return false, c.broken(ctx, call, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized {
		return strings.Contains(response.Header.Get("WWW-Authenticate"), "Sonatype Nexus Repository"), nil
	}
	var repos []repositoryXO
	if response.StatusCode != http.StatusOK || c.decode(ctx, call, response, &repos) != nil {
		return false, ctx.Err()
	}
	for _, repo := range repos {
		if repo.Name == "" || repo.Format == "" || repo.Type == "" {
			return false, nil
		}
	}
	return len(repos) > 0, nil
}
