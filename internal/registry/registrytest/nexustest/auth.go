package nexustest

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// principal is who a request comes from.
type principal struct {
	name       string
	privileges []string
	paths      func(string) bool
	secretive  bool // uploader fields are hidden from them
	known      bool // signed in
	nobody     bool // no credentials, and anonymous access is off
}

// can says whether a permission is granted. Permissions are parts joined by
// colons; a part may list alternatives with commas, "*" stands for any, and a
// shorter grant covers everything below it.
func (p principal) can(permission string) bool {
	return slices.ContainsFunc(p.privileges, func(granted string) bool { return implies(granted, permission) })
}

func implies(granted, wanted string) bool {
	grants, wants := strings.Split(granted, ":"), strings.Split(wanted, ":")
	for i, want := range wants {
		if i >= len(grants) {
			return true
		}
		options := strings.Split(grants[i], ",")
		if !slices.Contains(options, "*") && !slices.Contains(options, want) {
			return false
		}
	}
	return !slices.ContainsFunc(grants[min(len(wants), len(grants)):], func(rest string) bool { return rest != "*" })
}

// may says whether an action on a repository's content is granted.
func (p principal) may(r *repo, action string) bool {
	return p.can("nexus:repository-view:" + r.Format + ":" + r.Name + ":" + action)
}

func (p principal) sees(r *repo) bool { return p.may(r, "browse") || p.may(r, "read") }

func (p principal) selects(a *asset) bool { return p.paths == nil || p.paths(a.path) }

// lockout counts a user's failed sign-ins. It is forgotten only after a
// quarter of an hour in which nobody tried as that user.
type lockout struct {
	failures int
	seen     time.Time
}

const (
	lockoutFailures = 3
	lockoutWindow   = 15 * time.Minute
)

type signIn uint8

const (
	signedIn signIn = iota
	wrongCredentials
	lockedOut
)

// identify finds out who is asking. Every request of a locked user is refused
// and extends the lock, the right password included.
func (s *Server) identify(c *call) (principal, signIn) {
	authorization := c.Request.Header.Get("Authorization")
	if authorization == "" {
		if s.options.Anonymous {
			return principal{name: "anonymous", privileges: s.options.AnonymousPrivileges}, signedIn
		}
		return principal{nobody: true}, signedIn
	}
	if token, ok := strings.CutPrefix(authorization, "Bearer "); ok {
		if name, known := s.tokens[token]; known {
			return s.principalNamed(name), signedIn
		}
		return principal{}, wrongCredentials
	}
	name, password, ok := c.BasicAuth()
	if !ok {
		return principal{}, wrongCredentials
	}
	entry := s.lockouts[name]
	if entry != nil && c.now.Sub(entry.seen) >= lockoutWindow {
		entry = nil
		delete(s.lockouts, name)
	}
	limited := s.rel.limitsSignIn() && !s.options.NoLockout
	if entry != nil && limited {
		entry.seen = c.now
		if entry.failures > lockoutFailures {
			return principal{}, lockedOut
		}
	}
	i := slices.IndexFunc(s.options.Users, func(u User) bool { return u.Name == name && u.Password == password })
	if i >= 0 {
		delete(s.lockouts, name)
		return s.principalNamed(name), signedIn
	}
	if entry == nil {
		entry = &lockout{}
		s.lockouts[name] = entry
	}
	entry.failures++
	entry.seen = c.now
	return principal{}, wrongCredentials
}

func (s *Server) principalNamed(name string) principal {
	for _, u := range s.options.Users {
		if u.Name == name {
			return principal{name: u.Name, privileges: u.Privileges, paths: u.Paths, secretive: u.HideUploader, known: true}
		}
	}
	return principal{nobody: true}
}

// refuseLocked is the answer to a locked user.
func (c *call) refuseLocked() {
	c.header.Set("Retry-After", "30")
	c.html(http.StatusTooManyRequests, "Too many authentication attempts")
}

// refuse is the answer to a REST request that the caller may not make.
// Anonymous callers are asked to sign in where a permission is demanded by
// name; a repository's content is simply forbidden.
func (c *call) refuse(content bool) {
	switch {
	case c.who.nobody && c.s.rel.strictSignIn(), !c.who.known && !c.who.nobody && !content:
		c.challenge()
	default:
		c.fault(http.StatusForbidden)
	}
}

// demand refuses the call unless the permission is granted.
func (c *call) demand(permission string) bool {
	if c.who.can(permission) {
		return true
	}
	c.refuse(false)
	return false
}

// author is the caller as an uploader.
func (c *call) author() author {
	host, _, err := net.SplitHostPort(c.RemoteAddr)
	if err != nil {
		host = c.RemoteAddr
	}
	name := c.who.name
	if name == "" {
		name = "anonymous"
	}
	return author{name, host}
}

// SetPassword changes a user's password, which also lifts a lockout.
func (s *Server) SetPassword(name, password string) {
	s.changeUser(name, func(u *User) { u.Password = password })
}

// SetPrivileges changes what a user may do from the next request on.
func (s *Server) SetPrivileges(name string, privileges ...string) {
	s.changeUser(name, func(u *User) { u.Privileges = privileges })
}

func (s *Server) changeUser(name string, change func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := slices.Clone(s.options.Users)
	i := slices.IndexFunc(users, func(u User) bool { return u.Name == name })
	if i < 0 {
		panic("nexustest: no user " + name)
	}
	change(&users[i])
	s.options.Users = users
	delete(s.lockouts, name)
}
