// Package wrap holds what stands between an adapter and the wire: decorators
// of http.RoundTripper (read-only guard, sign-in, retry, throttle, counter),
// the way to build them into one Connection to a registry, and a decorator of
// registry.Reader that remembers immutable content.
//
// It promises that a reading client cannot change a registry, that credentials
// reach the registry and its token service and nobody else, that a request
// which may have had an effect is sent once, and that every request on the
// wire is counted. It knows HTTP and no API of any registry.
package wrap
