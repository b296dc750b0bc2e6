package distribution

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// call is one request in the registry's terms.
type call struct {
	op         string // as registry.Error says it
	method     string
	repository string
	path       string // below the repository; below /v2/ where there is none
	query      url.Values
	reference  string
	from       string      // another repository that a blob is to come from
	header     http.Header // nil: plain
	scopes     []string
	body       func() (io.ReadCloser, error)
	length     int64
	mediaType  string
	target     *url.URL // instead of path and query: an upload's own address
}

// The headers of requests are shared by all that say the same: what sends a
// request leaves it as it is (http.RoundTripper).
var (
	plain            = http.Header{"User-Agent": {wrap.UserAgent}}
	acceptsManifests = http.Header{"User-Agent": {wrap.UserAgent}, "Accept": {strings.Join(oci.AcceptManifests, ", ")}}
	acceptsIndex     = http.Header{"User-Agent": {wrap.UserAgent}, "Accept": {oci.MediaTypeIndex}}
)

func pullScope(repository string) []string {
	return []string{"repository:" + repository + ":pull"}
}

func (r *Registry) reading(op, method, repository, path, reference string) (call, error) {
	c := call{op: op, method: method, repository: repository, path: path, reference: reference, scopes: pullScope(repository)}
	return c, r.checkRepository(c)
}

// checkRepository refuses names that would make another URL.
func (r *Registry) checkRepository(c call) error {
	for segment := range strings.SplitSeq(c.repository, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return r.failure(c, registry.ErrMalformed, fmt.Errorf("%q is not a repository name", c.repository))
		}
	}
	return nil
}

// checkReference refuses what is neither a tag nor a digest.
func (r *Registry) checkReference(c call) (oci.Digest, error) {
	if oci.ValidTag(c.reference) {
		return "", nil
	}
	digest, err := oci.ParseDigest(c.reference)
	if err != nil {
		return "", r.failure(c, registry.ErrMalformed, fmt.Errorf("%q is neither a tag nor a digest", c.reference))
	}
	return digest, nil
}

// address is where a call goes. Names are joined to it as they are: net/http
// escapes a path on its way out.
func (r *Registry) address(c call) *url.URL {
	if c.target != nil {
		return c.target
	}
	target := r.connection.Base()
	target.Path = target.Path + "/v2/" + c.repository + c.path
	target.RawQuery = c.query.Encode()
	return target
}

// send makes the request and gives back any answer.
func (r *Registry) send(ctx context.Context, client *http.Client, c call) (*http.Response, error) {
	req := (&http.Request{Method: c.method, URL: r.address(c), Header: c.header}).
		WithContext(r.connection.Scoped(ctx, c.scopes...))
	if req.Header == nil {
		req.Header = plain
	}
	if c.body != nil {
		body, err := c.body()
		if err != nil {
			return nil, r.failure(c, registry.ErrUnavailable, err)
		}
		req.Body, req.ContentLength, req.GetBody = body, c.length, c.body
		req.Header = req.Header.Clone()
		req.Header.Set("Content-Type", c.mediaType)
	}
	// The client follows nothing and knows no cookies: its transport is all of it.
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		return nil, r.unanswered(ctx, c, err)
	}
	return resp, nil
}

// fetch reads a whole body of at most that many bytes. Every answer other than
// 200 is an error. A body that breaks off is asked for again.
func (r *Registry) fetch(ctx context.Context, c call, most int64) (*http.Response, []byte, error) {
	const tries = 3
	for try := 1; ; try++ {
		resp, err := r.send(ctx, r.connection.Reading(), c)
		if err != nil {
			return nil, nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, nil, r.refused(c, resp)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
		resp.Body.Close()
		switch {
		case err == nil && int64(len(body)) > most:
			return nil, nil, r.failure(c, registry.ErrMalformed, fmt.Errorf("the answer is larger than %d bytes", most))
		case err == nil:
			return resp, body, nil
		case ctx.Err() != nil || try == tries:
			return nil, nil, r.unanswered(ctx, c, err)
		}
	}
}

// unanswered translates what went wrong before there was an answer.
func (r *Registry) unanswered(ctx context.Context, c call, err error) error {
	if ctx.Err() != nil {
		return r.failure(c, registry.ErrUnavailable, ctx.Err())
	}
	var known *registry.Error
	if errors.As(err, &known) {
		told := *known
		told.Op, told.Registry, told.Repository, told.Reference = c.op, r.name, c.repository, c.reference
		return &told
	}
	cause, hint := wrap.Explain(err, r.connection.Base().Host)
	failure := r.failure(c, registry.ErrUnavailable, cause)
	failure.Hint = hint
	return failure
}

func (r *Registry) failure(c call, kind, cause error) *registry.Error {
	return &registry.Error{
		Kind: kind, Op: c.op, Registry: r.name, Repository: c.repository, Reference: c.reference, Err: cause,
	}
}
