package registry

import (
	"context"
	"time"
)

// MostInFlight bounds the requests in flight where the user sets no bound. Most
// registries answer less than that at once, which is found out while they are
// asked; it is what one reads that is far away, whose latency is the network's.
const MostInFlight = 256

// Endpoint is how to reach one registry. It carries no secret: credentials
// come from Credentials when a request needs them.
type Endpoint struct {
	Name    string // what the user calls it: host as written, or configured name
	Address string // HOST[:PORT], or a base URL with or without a context path
	Kind    string // "distribution", "nexus", …; "" to find out by asking

	PlainHTTP          bool // loopback hosts speak plain HTTP unless ForceTLS
	ForceTLS           bool
	CAFile             string
	InsecureSkipVerify bool
	ClientCert         string // file
	ClientKey          string // file

	Concurrency int           // most requests in flight; 0: found by itself, at most MostInFlight
	Rate        float64       // most requests a second; 0: no limit
	Timeout     time.Duration // of one request, until its headers; 0: default

	// Whole: every repository is going to be read. Then an adapter may begin with
	// their list while it finds out what the registry is, instead of asking for
	// one of them to find it out with.
	Whole bool

	Credentials CredentialSource // nil: anonymous
}

// Credential is what to sign in with. Either an identity (refresh) token, an
// access token, or a user name and password; all empty means anonymous. It
// formats as its user name only.
type Credential struct {
	Username     string
	Password     string
	RefreshToken string
	AccessToken  string
}

// String never shows a secret.
func (c Credential) String() string { return "credential of " + c.Username }

// GoString never shows a secret.
func (c Credential) GoString() string { return c.String() }

// CredentialSource finds the credential for a registry host. No credential
// found is the zero Credential and no error; a helper that fails is an error
// that names the helper.
type CredentialSource func(ctx context.Context, host string) (Credential, error)
