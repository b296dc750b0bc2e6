package registry

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of error. Adapters translate once; callers use errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrChanged     = errors.New("changed meanwhile")
	ErrDenied      = errors.New("denied")      // 401, 403, sign-in lockout: never retried
	ErrLocked      = errors.New("locked")      // immutable, retention lock, referenced by an index
	ErrUnsupported = errors.New("unsupported") // 405, UNSUPPORTED; 400 where a tag delete was tried
	ErrThrottled   = errors.New("throttled")   // 429 after all retries
	ErrUnavailable = errors.New("unavailable") // network, 5xx after all retries
	ErrMalformed   = errors.New("malformed")   // an answer that does not fit its own claims
)

// Error is what went wrong with one request. It carries no credentials and no
// request headers.
type Error struct {
	Kind       error  // one of the kinds above
	Op         string // "list tags", "read manifest", "delete tag", …
	Registry   string // host or base URL without user information
	Repository string
	Reference  string // tag or digest; may be empty
	Status     int    // HTTP status; 0 where there was no answer
	Code       string // the registry's own error code, e.g. MANIFEST_UNKNOWN
	Message    string // the registry's own words, cut short
	Hint       string // what to do next, a sentence; may be empty
	Err        error  // underlying cause; may be nil
}

// Unwrap lets errors.Is see the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	target := e.Registry
	if e.Repository != "" {
		target += "/" + e.Repository
	}
	if strings.Contains(e.Reference, ":") {
		target += "@" + e.Reference
	} else if e.Reference != "" {
		target += ":" + e.Reference
	}
	if target != "" {
		b.WriteString(" " + target)
	}
	b.WriteString(": " + e.Kind.Error())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.Status)
		if e.Code != "" {
			b.WriteString(" " + e.Code)
		}
		b.WriteString(")")
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(". " + e.Hint)
	}
	return b.String()
}
