package wrap

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"
)

// Wire opens connections and sends requests over them. Errors tell where the
// server asked for a client certificate and got none.
type Wire struct {
	*http.Transport
	asked    atomic.Bool // for a certificate that there is none of
	answered atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.Transport.RoundTrip(req)
	if err == nil {
		w.answered.Store(true)
		return resp, nil
	}
	if w.asked.Load() && !w.answered.Load() {
		return nil, &nameless{err}
	}
	return nil, err
}

// noCertificate is asked for in a handshake in which the server wants a
// certificate. With TLS 1.3 that handshake succeeds: the server's refusal
// comes after it (RFC 8446, section 4.4.2.4), and a connection that breaks
// before it is read does not tell what was wrong.
func (w *Wire) noCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	w.asked.Store(true)
	return &tls.Certificate{}, nil
}

// nameless: nothing was answered by a server that had asked for a client
// certificate in vain.
type nameless struct{ err error }

func (n *nameless) Error() string { return n.err.Error() }

func (n *nameless) Unwrap() error { return n.err }
