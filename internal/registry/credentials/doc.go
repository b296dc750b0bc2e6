// Package credentials finds what to sign in with where people keep it: the
// environment, Docker's configuration with its credential helpers, and
// Podman's auth.json.
//
// It promises to show no secret in an error, to write nothing, and to hand a
// credential to nobody but the caller. It knows no registry and no HTTP.
package credentials
