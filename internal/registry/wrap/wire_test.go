package wrap

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
)

// hangUp is a server that ends the handshake, answers so many requests and
// then breaks the connection without a word.
func hangUp(t *testing.T, client tls.ClientAuthType, answers int) string {
	t.Helper()
	a := newAuthority(t)
	certificate, key := a.sign(t)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: client}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			secured := tls.Server(conn, config)
			if secured.Handshake() == nil && answers > 0 {
				answers--
				_, _ = secured.Read(make([]byte, 4096))
				_, _ = fmt.Fprint(secured, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestAConnectionThatBreaksForWantOfACertificate(t *testing.T) {
	for name, c := range map[string]struct {
		client  tls.ClientAuthType
		answers int
		hint    string
	}{
		"asked":              {client: tls.RequestClientCert, hint: "--client-cert"},
		"not asked":          {client: tls.NoClientCert},
		"asked and answered": {client: tls.RequestClientCert, answers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			address := hangUp(t, c.client, c.answers)
			wire, err := Transport(registry.Endpoint{Address: address, InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer wire.CloseIdleConnections()
			client := http.Client{Transport: wire}
			for range c.answers {
				resp, err := client.Get("https://" + address)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			resp, err := client.Get("https://" + address)
			if err == nil {
				resp.Body.Close()
				t.Fatal("it answered")
			}
			_, hint := Explain(err, address)
			if (c.hint == "") != (hint == "") || !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q, want %q (%v)", hint, c.hint, err)
			}
		})
	}
}
