package nexus

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/registry"
)

const (
	hintSignIn = "The user name or password is wrong. Nothing else was tried: after more than 3 failed sign-ins Nexus 3.93 and later " +
		"refuse that user for 15 minutes, the right password included. Correct the credentials, then start again once"
	hintLockout = "Nexus has locked this user out after failed sign-ins and refuses every request, the right password included, until 15 minutes " +
		"have passed without any request of this user; each try starts the wait anew. Stop everything that signs in as this user, correct its password, wait 15 minutes. " +
		"An administrator who saves the user in Nexus lifts it at once"
	hintThrottled = "Something in front of Nexus limits requests, or this is the sign-in lockout of Nexus with its words removed. " +
		"Nothing more was sent, because trying on would prolong a lockout: wait 15 minutes, or lower --rate if the limit is the proxy's"
)

// door is the last stop before the wire. Once the server has refused a sign-in
// it lets nothing through, also nothing of what was waiting behind it: every
// further request would prolong a lockout.
type door struct {
	next http.RoundTripper

	mu   sync.Mutex
	shut *registry.Error
}

// probing marks requests whose 401 answers a question about rights.
type probing struct{}

// RoundTrip implements http.RoundTripper. A refused sign-in is an error and no
// answer, so that nothing above waits for its Retry-After.
func (d *door) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := d.refused(); err != nil {
		return nil, err
	}
	response, err := d.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
	case status == http.StatusUnauthorized && request.Header.Get("Authorization") != "" && request.Context().Value(probing{}) == nil:
	default:
		return response, nil
	}
	defer response.Body.Close()
	d.mu.Lock()
	if d.shut == nil {
		d.shut = refusal(response)
	}
	d.mu.Unlock()
	return nil, d.refused()
}

func (d *door) refused() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut == nil {
		return nil
	}
	again := *d.shut
	return &again
}

// refusal is what the first refused answer says.
func refusal(response *http.Response) *registry.Error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	err := &registry.Error{Kind: registry.ErrDenied, Status: response.StatusCode, Hint: hintSignIn}
	err.Code, err.Message = words(response.Header, body)
	if response.StatusCode == http.StatusTooManyRequests {
		err.Hint = hintLockout
		if !strings.Contains(strings.ToLower(string(body)), "authentication attempts") {
			err.Kind, err.Hint = registry.ErrThrottled, hintThrottled
		}
	}
	return err
}
