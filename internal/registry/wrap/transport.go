package wrap

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// defaultTimeout is how long a registry may think before its headers arrive.
const defaultTimeout = time.Minute

// BaseURL is where an endpoint's requests go: scheme, host and context path
// without a slash at its end. HOST[:PORT] speaks TLS except on loopback or
// with PlainHTTP; ForceTLS overrides both. Docker Hub's names lead to the host
// that serves its API.
func BaseURL(endpoint registry.Endpoint) (*url.URL, error) {
	address := endpoint.Address
	var base *url.URL
	if scheme, _, found := strings.Cut(address, "://"); found {
		if scheme != "http" && scheme != "https" {
			return nil, fmt.Errorf("registry address: scheme %q is neither http nor https", scheme)
		}
		parsed, err := url.Parse(address)
		if err != nil {
			return nil, errors.New("registry address: not a URL")
		}
		if parsed.User != nil {
			return nil, fmt.Errorf("registry address at %s: user and password do not belong there; use docker login or REGKEEP_USERNAME and REGKEEP_PASSWORD", parsed.Host)
		}
		if parsed.RawQuery != "" || parsed.Fragment != "" {
			return nil, fmt.Errorf("registry address at %s: has a query or fragment", parsed.Host)
		}
		base = parsed
		base.Path = strings.TrimRight(base.Path, "/")
		base.RawPath = ""
	} else {
		base = &url.URL{Scheme: "https", Host: strings.TrimRight(address, "/")}
		if strings.ContainsAny(base.Host, "/@?# ") {
			return nil, fmt.Errorf("registry address: want HOST[:PORT] or a URL")
		}
		if endpoint.PlainHTTP || Loopback(base.Hostname()) {
			base.Scheme = "http"
		}
	}
	if endpoint.ForceTLS {
		base.Scheme = "https"
	}
	if base.Hostname() == "" {
		return nil, errors.New("registry address: names no host")
	}
	// Requests copy the base URL and are not parsed again.
	if _, err := url.Parse(base.String()); err != nil {
		return nil, errors.New("registry address: not a URL")
	}
	base.Host = strings.TrimSuffix(base.Host, ":") // an empty port
	switch base.Host {
	case "docker.io", "index.docker.io":
		base.Host = "registry-1.docker.io"
	}
	return base, nil
}

// Loopback says whether a host name or address is this machine.
func Loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}

// Transport opens connections as the endpoint says: certificate authorities,
// client certificate, proxies from the environment, HTTP/2 where offered, and
// enough idle connections that requests in flight reuse them.
func Transport(endpoint registry.Endpoint) (*Wire, error) {
	wire := &Wire{}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: endpoint.InsecureSkipVerify}
	if endpoint.CAFile != "" {
		pem, err := os.ReadFile(endpoint.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authority of %s: %w", endpoint.Name, err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority of %s: no certificate in %s", endpoint.Name, endpoint.CAFile)
		}
		config.RootCAs = pool
	}
	if endpoint.ClientCert != "" || endpoint.ClientKey != "" {
		pair, err := tls.LoadX509KeyPair(endpoint.ClientCert, cmp.Or(endpoint.ClientKey, endpoint.ClientCert))
		if err != nil {
			return nil, fmt.Errorf("client certificate for %s: %w", endpoint.Name, err)
		}
		config.Certificates = []tls.Certificate{pair}
	} else {
		config.GetClientCertificate = wire.noCertificate
	}
	wire.Transport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   15 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   max(endpoint.Concurrency, registry.MostInFlight),
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: cmp.Or(endpoint.Timeout, defaultTimeout),
		ExpectContinueTimeout: time.Second,
		// Bodies are compared with their digests and lengths byte by byte.
		DisableCompression: true,
	}
	return wire, nil
}
