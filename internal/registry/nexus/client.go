package nexus

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

const (
	restPath     = "/service/rest/v1"
	jsonLimit    = 64 << 20 // no page of a listing comes near this
	attempts     = 4
	firstBackoff = 500 * time.Millisecond
	mostBackoff  = time.Minute
)

// client is the one door to a server. It signs requests, repeats what is safe
// to repeat, translates answers into kinds of error, and shuts itself for good
// when the server refuses the sign-in: every further request would prolong a
// lockout.
type client struct {
	name        string   // as the user calls the registry, for messages
	base        *url.URL // with context path, without a slash at the end
	reading     *http.Client
	following   *http.Client // reads and follows redirects: blobs
	changing    *http.Client
	counter     wrap.Counter
	credentials registry.CredentialSource
	events      event.Handler
	sleep       func(context.Context, time.Duration) error

	mu         sync.Mutex
	credential *registry.Credential
	answered   bool   // the server has answered something
	server     string // last Server header seen
}

// call is one request, with the words for its errors.
type call struct {
	op         string
	method     string // "" is GET
	path       string // below the base URL
	query      url.Values
	header     http.Header
	body       []byte
	stream     io.Reader // instead of body; such a call is never repeated
	length     int64     // of stream
	repository string
	reference  string
	anonymous  bool   // send no credentials
	probe      bool   // a 401 answers a question and does not shut the door
	changes    bool   // may change the server
	follow     bool   // follow redirects
	once       bool   // do not repeat
	missing    string // the privilege that a 403 means is lacking
}

func (c *client) fail(call call, kind error, hint string, cause error) *registry.Error {
	return &registry.Error{
		Kind: kind, Op: call.op, Registry: c.name, Repository: call.repository,
		Reference: call.reference, Hint: hint, Err: cause,
	}
}

// send makes the request and returns the answer if it is a success. It repeats
// connection failures and 5xx, unless told not to.
func (c *client) send(ctx context.Context, call call) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		response, wait, err := c.try(ctx, call)
		if err == nil || !c.worthRepeating(call, err) || attempt == attempts {
			return response, err
		}
		if err := c.pause(ctx, attempt, wait); err != nil {
			return nil, err
		}
	}
}

// worthRepeating: a server that never answered is taken to be down, one that
// did to be restarting.
func (c *client) worthRepeating(call call, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Is(err, registry.ErrUnavailable) && c.answered && !call.once && call.stream == nil
}

func (c *client) pause(ctx context.Context, attempt int, asked time.Duration) error {
	wait := min(max(asked, firstBackoff<<(attempt-1)), mostBackoff)
	if wait >= time.Second {
		c.events.Emit(event.Waiting{Registry: c.name, Seconds: wait.Seconds(), Why: "the server failed to answer"})
	}
	return c.sleep(ctx, wait)
}

// try makes the request once. The duration is how long the server asked to
// wait.
func (c *client) try(ctx context.Context, call call) (*http.Response, time.Duration, error) {
	request, err := c.request(ctx, call)
	if err != nil {
		return nil, 0, err
	}
	through := c.reading
	switch {
	case call.changes:
		through = c.changing
	case call.follow:
		through = c.following
	}
	response, err := through.Do(request)
	if err != nil {
		return nil, 0, c.broken(ctx, call, err)
	}
	c.mu.Lock()
	c.answered = true
	if server := response.Header.Get("Server"); server != "" {
		c.server = server
	}
	c.mu.Unlock()
	if response.StatusCode/100 == 2 {
		return response, 0, nil
	}
	defer response.Body.Close()
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return nil, time.Duration(seconds) * time.Second, c.translate(call, request, response)
}

func (c *client) request(ctx context.Context, call call) (*http.Request, error) {
	if call.probe {
		ctx = context.WithValue(ctx, probing{}, true)
	}
	if call.follow {
		ctx = wrap.Streaming(ctx)
	}
	target := *c.base
	target.Path += call.path
	target.RawQuery = call.query.Encode()
	var body io.Reader
	if call.body != nil {
		body = bytes.NewReader(call.body)
	} else if call.stream != nil {
		body = call.stream
	}
	request, err := http.NewRequestWithContext(ctx, cmp.Or(call.method, http.MethodGet), target.String(), body)
	if err != nil {
		return nil, c.fail(call, registry.ErrMalformed, "", err)
	}
	if call.stream != nil {
		request.ContentLength = call.length
	}
	if call.header != nil {
		request.Header = call.header.Clone()
	}
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json")
	}
	if call.anonymous {
		return request, nil
	}
	credential, err := c.signIn(ctx)
	if err != nil {
		return nil, c.fail(call, registry.ErrDenied, "", err)
	}
	if credential.Username != "" || credential.Password != "" {
		request.SetBasicAuth(credential.Username, credential.Password)
	}
	return request, nil
}

// signIn finds the credential once. Nexus takes user names with passwords and
// user tokens, which have the same form.
func (c *client) signIn(ctx context.Context) (registry.Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credential != nil || c.credentials == nil {
		return *cmp.Or(c.credential, &registry.Credential{}), nil
	}
	found, err := c.credentials(ctx, c.base.Host)
	if err != nil {
		return registry.Credential{}, err
	}
	if found.Username == "" && (found.RefreshToken != "" || found.AccessToken != "") {
		return registry.Credential{}, errors.New("the credential found is a token alone; Nexus needs a user name with a password, or the two parts of a user token")
	}
	c.credential = &found
	return found, nil
}

func (c *client) signedIn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credential != nil && c.credential.Username != ""
}

func (c *client) lastServer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server
}

// get reads a JSON document. An answer that breaks off is asked for again.
func (c *client) get(ctx context.Context, call call, into any) error {
	for attempt := 1; ; attempt++ {
		response, err := c.send(ctx, call)
		if err != nil {
			return err
		}
		err = c.decode(ctx, call, response, into)
		if err == nil || !errors.Is(err, registry.ErrUnavailable) || attempt == attempts {
			return err
		}
		if err := c.pause(ctx, attempt, 0); err != nil {
			return err
		}
	}
}

func (c *client) decode(ctx context.Context, call call, response *http.Response, into any) error {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, jsonLimit+1))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return c.fail(call, registry.ErrUnavailable, "", fmt.Errorf("the answer broke off: %w", err))
	case len(body) > jsonLimit:
		return c.fail(call, registry.ErrMalformed, "", fmt.Errorf("an answer of more than %d MiB", jsonLimit>>20))
	}
	if err := json.Unmarshal(body, into); err != nil {
		hint := ""
		if strings.HasPrefix(strings.TrimSpace(string(body)), "<") {
			hint = "The answer is a web page: something in front of Nexus answered, or the base URL lacks its context path"
		}
		return c.fail(call, registry.ErrMalformed, hint, err)
	}
	return nil
}

// broken translates what kept an answer from coming.
func (c *client) broken(ctx context.Context, call call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *registry.Error
	if errors.As(err, &known) {
		known.Op, known.Registry, known.Repository, known.Reference = call.op, c.name, call.repository, call.reference
		return known
	}
	cause, hint := wrap.Explain(err, c.base.Host)
	return c.fail(call, registry.ErrUnavailable, hint, cause)
}
