package wrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/regkeep/regkeep/internal/registry"
)

const (
	mostHops     = 10
	credentialOK = time.Minute // how long a credential is used before its source is asked again
)

// signIn answers challenges: Basic, and Bearer with one token per set of
// scopes, fetched again when the registry no longer takes it. It follows
// redirects of reads, without credentials once they leave the registry, and
// never those of anything else: a redirected DELETE would arrive as a GET.
//
// Credentials that the registry refuses before it ever took them are refused
// for good, so that many requests in flight do not lock an account.
type signIn struct {
	wire   http.RoundTripper
	client *auth.Client
	base   *url.URL
	source registry.CredentialSource

	mu       sync.Mutex
	held     registry.Credential
	heldAt   time.Time
	accepted bool
	refused  *registry.Error
}

func newSignIn(wire http.RoundTripper, base *url.URL, source registry.CredentialSource) *signIn {
	wire = named(wire)
	s := &signIn{wire: wire, base: base, source: source}
	s.client = &auth.Client{
		Client:     &http.Client{Transport: wire, CheckRedirect: followReads},
		Credential: s.credential,
		Cache:      auth.NewCache(),
		ClientID:   "regkeep",
	}
	if Loopback(base.Hostname()) {
		// A registry on this machine may well have its token service here too.
		s.client.BlockedRealmPrefixes = []netip.Prefix{}
	}
	return s
}

func followReads(req *http.Request, via []*http.Request) error {
	if method := via[0].Method; method != "" && method != http.MethodGet && method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) >= mostHops {
		return fmt.Errorf("more than %d redirects", mostHops)
	}
	return nil
}

// Scoped says which token a request needs, so that one token per repository is
// fetched ahead and none collects the scopes of all.
func (c *Connection) Scoped(ctx context.Context, scopes ...string) context.Context {
	return auth.WithScopesForHost(ctx, c.base.Host, scopes...)
}

// RoundTrip implements http.RoundTripper.
func (s *signIn) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := s.alreadyRefused(); err != nil {
		return nil, err
	}
	resp, err := s.send(req)
	if err != nil {
		return nil, s.explain(err)
	}
	s.observe(resp)
	if err := s.alreadyRefused(); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// send leaves the auth client out while it knows of no challenge and so would
// add nothing to a request: it copies each and its header several times. What it
// has to deal with, a challenge, a redirect or an error, it gets to see as if it
// had sent the request itself.
func (s *signIn) send(req *http.Request) (*http.Response, error) {
	if _, err := s.client.Cache.GetScheme(req.Context(), cmp.Or(req.Host, req.URL.Host)); err == nil {
		return s.client.Do(req)
	}
	resp, err := s.wire.RoundTrip(req)
	if err == nil && resp.StatusCode != http.StatusUnauthorized && (resp.StatusCode < 300 || resp.StatusCode >= 400) {
		return resp, nil
	}
	inner, client := *s.client.Client, *s.client
	inner.Transport = &answered{resp: resp, err: err, next: s.wire}
	client.Client, client.Cache = &inner, untold{client.Cache}
	return client.Do(req)
}

// answered gives the answer that there is to the first request and sends those
// that follow.
type answered struct {
	resp  *http.Response
	err   error
	given bool
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a *answered) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.given {
		return a.next.RoundTrip(req)
	}
	a.given = true
	return a.resp, a.err
}

// untold is a cache that does not tell how the registry wants to be signed in
// to: what was answered was asked when that was not known.
type untold struct{ auth.Cache }

// GetScheme implements auth.Cache.
func (untold) GetScheme(context.Context, string) (auth.Scheme, error) {
	return auth.SchemeUnknown, errdef.ErrNotFound
}

// credential is asked by the auth client, for the registry's host only.
func (s *signIn) credential(ctx context.Context, host string) (auth.Credential, error) {
	if s.source == nil || host != s.base.Host {
		return auth.EmptyCredential, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heldAt.IsZero() || time.Since(s.heldAt) > credentialOK {
		held, err := s.source(ctx, host)
		if err != nil {
			return auth.EmptyCredential, &registry.Error{
				Kind: registry.ErrDenied, Op: "find credentials", Registry: host, Err: err,
			}
		}
		s.held, s.heldAt = held, time.Now()
	}
	return auth.Credential{
		Username: s.held.Username, Password: s.held.Password,
		RefreshToken: s.held.RefreshToken, AccessToken: s.held.AccessToken,
	}, nil
}

func (s *signIn) user() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.held == registry.Credential{}:
		return ""
	case s.held.Username == "":
		return "the identity token"
	}
	return s.held.Username
}

func (s *signIn) alreadyRefused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		return nil
	}
	again := *s.refused
	return &again
}

// observe learns from an answer whether the credentials are any good.
func (s *signIn) observe(resp *http.Response) {
	sent := resp.Request.Header.Get("Authorization")
	if sent == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case resp.StatusCode < 400 || resp.StatusCode == http.StatusNotFound:
		s.accepted = true
	case resp.StatusCode == http.StatusUnauthorized && strings.HasPrefix(sent, "Basic "):
		s.heldAt = time.Time{}
		if !s.accepted {
			s.refused = s.denial(resp.StatusCode, "", "")
		}
	}
}

// explain translates what the auth client could not do.
func (s *signIn) explain(err error) error {
	var known *registry.Error
	if errors.As(err, &known) {
		return known
	}
	var answer *errcode.ErrorResponse
	switch {
	case errors.As(err, &answer):
		return s.tokenRefused(answer)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return &registry.Error{
			Kind: registry.ErrDenied, Op: "sign in to", Registry: s.base.Host,
			Message: "the registry wants a user name and a password", Hint: HintNoCredentials(s.base.Host),
		}
	case strings.Contains(err.Error(), "missing username or password"):
		return &registry.Error{
			Kind: registry.ErrDenied, Op: "sign in to", Registry: s.base.Host,
			Message: "the credentials found lack a user name or a password", Hint: HintNoCredentials(s.base.Host),
		}
	}
	return err
}

// tokenRefused is an answer of the token service other than a token.
func (s *signIn) tokenRefused(answer *errcode.ErrorResponse) error {
	var code, message string
	if len(answer.Errors) > 0 {
		code, message = answer.Errors[0].Code, answer.Errors[0].Message
	}
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heldAt = time.Time{}
		denied := s.denial(status, code, message)
		if status == http.StatusUnauthorized && !s.accepted && s.held != (registry.Credential{}) {
			s.refused = denied
		}
		again := *denied
		return &again
	case status == http.StatusTooManyRequests:
		return &registry.Error{Kind: registry.ErrThrottled, Op: "fetch a token for", Registry: s.base.Host, Status: status, Code: code, Message: message}
	case status >= 500:
		return &registry.Error{Kind: registry.ErrUnavailable, Op: "fetch a token for", Registry: s.base.Host, Status: status, Code: code, Message: message}
	default:
		return &registry.Error{Kind: registry.ErrDenied, Op: "fetch a token for", Registry: s.base.Host, Status: status, Code: code,
			Message: cmp.Or(message, "the token service "+answer.URL.Host+" gave none")}
	}
}

func (s *signIn) denial(status int, code, message string) *registry.Error {
	hint := HintNoCredentials(s.base.Host)
	if s.held != (registry.Credential{}) {
		who := "the identity token"
		if s.held.Username != "" {
			who = "user " + s.held.Username
		}
		hint = fmt.Sprintf("The registry refused %s: sign in again with docker login %s, or correct REGKEEP_USERNAME and REGKEEP_PASSWORD. Nothing more is sent, so that no account is locked.", who, s.base.Host)
	}
	return &registry.Error{
		Kind: registry.ErrDenied, Op: "sign in to", Registry: s.base.Host,
		Status: status, Code: code, Message: message, Hint: hint,
	}
}

// HintNoCredentials says where credentials for a host are looked for.
func HintNoCredentials(host string) string {
	return fmt.Sprintf("No credentials for %s were found: sign in with docker login %s or podman login %s, or set REGKEEP_USERNAME with REGKEEP_PASSWORD or REGKEEP_PASSWORD_FILE.", host, host, host)
}
