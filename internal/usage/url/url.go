// Package url asks a web address which images are in use: one image a line.
//
// It promises that any answer but 200 with a whole body makes the evidence
// incomplete. It does not know what stands behind the address.
package url

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/regkeep/regkeep/internal/usage"
)

// Finder gets one address. Client nil means http.DefaultClient. The age of the
// list is that of Last-Modified, unless a line in it says as of when it is.
type Finder struct {
	Address string
	Client  *http.Client
	usage.Freshness
}

// mostBytes bounds the answer: half a million images fit.
const mostBytes = 64 << 20

// Name is the address without user information and query, which may be
// secret.
func (f Finder) Name() string {
	parsed, err := url.Parse(f.Address)
	if err != nil {
		return "url"
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return "url " + parsed.String()
}

// Find reads the list.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.Address, nil)
	if err != nil {
		return fmt.Errorf("%s: the address cannot be used", f.Name())
	}
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		if inner, ok := err.(*url.Error); ok {
			err = inner.Err // the outer text repeats the whole address
		}
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d", f.Name(), response.StatusCode)
	}
	body := &io.LimitedReader{R: response.Body, N: mostBytes + 1}
	at, err := usage.ReadList(ctx, body, f.Name(), found)
	if err != nil {
		return err
	}
	if body.N == 0 {
		return fmt.Errorf("%s: the list is longer than %d bytes", f.Name(), mostBytes)
	}
	if at.IsZero() {
		at, _ = http.ParseTime(response.Header.Get("Last-Modified")) // none: Check says so
	}
	return f.Check(f.Name(), at)
}
