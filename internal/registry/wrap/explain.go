package wrap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// Explain turns what went wrong on the way to a registry into a cause without
// URLs (those of redirects carry signatures) and a sentence on what to do.
//
//lint:ignore ST1008 the error is what is explained, not a failure to explain
func Explain(err error, host string) (cause error, hint string) {
	for {
		wrapped, ok := err.(*url.Error)
		if !ok {
			break
		}
		err = wrapped.Err
	}
	var (
		dns        *net.DNSError
		authority  x509.UnknownAuthorityError
		name       x509.HostnameError
		invalid    x509.CertificateInvalidError
		record     tls.RecordHeaderError
		alert      tls.AlertError
		unnamed    *nameless
		timeout    net.Error
		text       = err.Error()
		plainToTLS = "This address answers in plain HTTP: use --plain-http, or check the port."

		wantsCertificate = "The registry may want a client certificate: --client-cert and --client-key."
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled, ""
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded, ""
	case errors.As(err, &dns):
		return fmt.Errorf("no address found for %s", dns.Name), "Check the host name, and the network or VPN that knows it."
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused"), fmt.Sprintf("Nothing listens at %s: check the port and whether the registry is running.", host)
	case errors.As(err, &authority):
		return errors.New("its certificate is signed by an unknown authority"), "Name the authority's certificate with --ca-file."
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is not valid for %s", name.Host), "Use the name that the certificate is for."
	case errors.As(err, &invalid):
		return errors.New(invalid.Error()), "The registry's certificate must be renewed, or this machine's clock is wrong."
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return errors.New("it does not speak TLS"), plainToTLS
	case strings.Contains(text, "malformed HTTP response"):
		return errors.New("it does not speak plain HTTP"), "This address seems to want TLS: write https:// before it, or leave --plain-http out."
	case errors.As(err, &alert), strings.Contains(text, "remote error: tls:"):
		return errors.New(text), wantsCertificate
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time"), "Try again later, or allow more with --timeout."
	case errors.As(err, &unnamed):
		return errors.New(text), wantsCertificate
	}
	return err, ""
}

// permanent: trying again at once cannot help.
func permanent(err error) bool {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		name        x509.HostnameError
		record      tls.RecordHeaderError
		alert       tls.AlertError
	)
	if errors.As(err, &dns) {
		return dns.IsNotFound
	}
	return errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &name) ||
		errors.As(err, &record) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") ||
		strings.Contains(err.Error(), "malformed HTTP response") ||
		strings.Contains(err.Error(), "remote error: tls:")
}
