package wrap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

func TestBaseURL(t *testing.T) {
	for _, c := range []struct {
		endpoint registry.Endpoint
		want     string
	}{
		{registry.Endpoint{Address: "registry.example.com"}, "https://registry.example.com"},
		{registry.Endpoint{Address: "registry.example.com:5000"}, "https://registry.example.com:5000"},
		{registry.Endpoint{Address: "registry.example.com", PlainHTTP: true}, "http://registry.example.com"},
		{registry.Endpoint{Address: "localhost:5000"}, "http://localhost:5000"},
		{registry.Endpoint{Address: "127.0.0.1:5000"}, "http://127.0.0.1:5000"},
		{registry.Endpoint{Address: "127.8.9.1"}, "http://127.8.9.1"},
		{registry.Endpoint{Address: "[::1]:5000"}, "http://[::1]:5000"},
		{registry.Endpoint{Address: "localhost:5000", ForceTLS: true}, "https://localhost:5000"},
		{registry.Endpoint{Address: "10.0.0.1:5000"}, "https://10.0.0.1:5000"},
		{registry.Endpoint{Address: "localhost.example.com"}, "https://localhost.example.com"},
		{registry.Endpoint{Address: "https://nexus.example.com/nexus/"}, "https://nexus.example.com/nexus"},
		{registry.Endpoint{Address: "http://nexus.example.com:8081"}, "http://nexus.example.com:8081"},
		{registry.Endpoint{Address: "registry.example.com:"}, "https://registry.example.com"},
		{registry.Endpoint{Address: "[fe80::1%eth0]:5000"}, "https://[fe80::1%25eth0]:5000"},
		{registry.Endpoint{Address: "docker.io"}, "https://registry-1.docker.io"},
	} {
		got, err := BaseURL(c.endpoint)
		if err != nil || got.String() != c.want {
			t.Errorf("%+v: %v, %v; want %s", c.endpoint, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "ftp://x", "https://", "https://u:geheim@x", "u:geheim@x", "host/path", "https://x/?a=b", "https://x#y", "x:port", "https://x:port", "[::1", "x\n"} {
		got, err := BaseURL(registry.Endpoint{Address: bad})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key, write(t, "ca.pem", "CERTIFICATE", der)}
}

func write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sign makes a certificate and gives the files it and its key lie in.
func (a authority) sign(t *testing.T) (certificate, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", "CERTIFICATE", der), write(t, "key.pem", "PRIVATE KEY", private)
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.sign(t)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	start := func(client tls.ClientAuthType) string {
		pool := x509.NewCertPool()
		pool.AddCert(a.certificate)
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { fmt.Fprint(w, req.Proto) }))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: client}
		s.EnableHTTP2 = true
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "https://")
	}
	open, strict := start(tls.NoClientCert), start(tls.RequireAndVerifyClientCert)
	clear := httptest.NewServer(http.NotFoundHandler())
	defer clear.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		endpoint registry.Endpoint
		hint     string
	}{
		"own authority":            {endpoint: registry.Endpoint{Address: open, ForceTLS: true, CAFile: a.file}},
		"no verification":          {endpoint: registry.Endpoint{Address: open, ForceTLS: true, InsecureSkipVerify: true}},
		"client certificate":       {endpoint: registry.Endpoint{Address: strict, ForceTLS: true, CAFile: a.file, ClientCert: certificate, ClientKey: key}},
		"unknown authority":        {endpoint: registry.Endpoint{Address: open, ForceTLS: true}, hint: "--ca-file"},
		"no client certificate":    {endpoint: registry.Endpoint{Address: strict, ForceTLS: true, CAFile: a.file}, hint: "--client-cert"},
		"TLS where there is none":  {endpoint: registry.Endpoint{Address: strings.TrimPrefix(clear.URL, "http://"), ForceTLS: true}, hint: "--plain-http"},
		"nobody there":             {endpoint: registry.Endpoint{Address: strings.TrimPrefix(gone.URL, "http://")}, hint: "Nothing listens"},
		"a name that nobody knows": {endpoint: registry.Endpoint{Address: "registry.invalid"}, hint: "Check the host name"},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := Connect(c.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			resp, err := connection.Reading().Get(connection.Base().String() + "/v2/")
			if c.hint != "" {
				if err == nil {
					t.Fatal("it answered")
				}
				cause, hint := Explain(err, connection.Base().Host)
				if !strings.Contains(hint, c.hint) || strings.Contains(cause.Error(), "/v2/") {
					t.Errorf("%v: %q; want %q (from %v)", cause, hint, c.hint, err)
				}
				// A server that wants a certificate says so after the handshake,
				// and the connection may break before that is read.
				if connection.Requests() != 1 && c.hint != "--client-cert" {
					t.Errorf("tried %d times", connection.Requests())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" {
				t.Errorf("spoke %s", body)
			}
		})
	}
	for name, endpoint := range map[string]registry.Endpoint{
		"authority file missing":      {Address: "x", CAFile: filepath.Join(t.TempDir(), "none")},
		"authority file without one":  {Address: "x", CAFile: key},
		"certificate without its key": {Address: "x", ClientCert: certificate},
	} {
		if _, err := Connect(endpoint); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A presigned address carries its signature in the query.
func TestExplainShowsNoAddresses(t *testing.T) {
	err := fmt.Errorf("%w", &url.Error{Op: "Get", URL: "https://store.example/x?signature=geheim", Err: context.DeadlineExceeded})
	if cause, _ := Explain(errors.Unwrap(err), "r.example"); strings.Contains(cause.Error(), "geheim") {
		t.Error(cause)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	opened := make(chan struct{}, 1000)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	c, err := Connect(registry.Endpoint{Address: s.URL, Concurrency: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done := make(chan struct{})
	for range 32 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 25 {
				if _, err := ask(t, c, c.Reading(), "GET", "/v2/app/manifests/v1"); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 32 {
		<-done
	}
	// A place is given on a little before its connection is idle, so some more
	// are opened than requests are in flight, on a busy machine twice as many.
	if len(opened) > 64 {
		t.Errorf("%d connections for 800 requests, 16 in flight", len(opened))
	}
}
