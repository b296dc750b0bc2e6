//go:build docker

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
)

// A real Docker engine (Debian's docker.io, as root), reached by its socket and
// by TCP with TLS: a container that never ran, one made from an image id, and a
// Swarm service scaled to zero, with what it would roll back to.
func TestARealEngineKeepsWhatItUses(t *testing.T) {
	host := live.Docker(t).Host
	dir := t.TempDir()
	address := freePort(t)
	certificates(t, dir)
	socket := "unix://" + filepath.Join(dir, "d.sock")
	background(t, dir, "dockerd", "--iptables=false", "--bridge=none", "--storage-driver=vfs", "--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", socket, "-H", "tcp://"+address, "--tlsverify",
		"--tlscacert", filepath.Join(dir, "ca.pem"), "--tlscert", filepath.Join(dir, "cert.pem"), "--tlskey", filepath.Join(dir, "key.pem"))
	docker := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "docker", append([]string{"-H", socket}, args...)...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("docker %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for deadline := time.Now().Add(time.Minute); ; <-time.After(100 * time.Millisecond) {
		if exec.Command("docker", "-H", socket, "version").Run() == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("dockerd did not get ready")
		}
	}
	tags := []string{"created", "by-id", "service", "rollback", "free", "newest"}
	for i, tag := range tags {
		rootfs := filepath.Join(dir, tag+".tar")
		write(t, filepath.Join(dir, "hello"), tag)
		if out, err := exec.Command("tar", "-C", dir, "-cf", rootfs, "hello").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		image := host + "/team/app:" + tag
		docker("import", rootfs, image)
		docker("push", "-q", image)
		if i < len(tags)-1 {
			<-time.After(1100 * time.Millisecond) // build times have whole seconds
		}
	}
	docker("create", "--name", "never-ran", host+"/team/app:created", "/hello")
	docker("create", "--name", "from-id", docker("image", "inspect", "-f", "{{.Id}}", host+"/team/app:by-id"), "/hello")
	docker("swarm", "init", "--advertise-addr", "127.0.0.1")
	t.Cleanup(func() { // or its network stays mounted
		_ = exec.Command("docker", "-H", socket, "swarm", "leave", "--force").Run()
	})
	docker("service", "create", "-q", "--detach", "--name", "api", "--replicas", "0", host+"/team/app:rollback")
	docker("service", "update", "-q", "--detach", "--image", host+"/team/app:service", "api")

	for name, source := range map[string]string{
		"socket": "{host: " + socket + "}",
		"TLS":    "{host: tcp://" + address + ", cert_dir: " + dir + "}",
	} {
		t.Run(name, func(t *testing.T) {
			policy := filepath.Join(t.TempDir(), "policy.yaml")
			write(t, policy, fmt.Sprintf(`version: 1
in_use: {sources: [{docker: %s}]}
protect: [{in_use: true}]
policies: [{repositories: ["**"], rules: [{tags: ["**"], remove: [{everything: true}], keep: [{newest: 1}]}]}]
`, source))
			out, problems, code := newKeeper(t).run("plan", host, "-f", policy, "--format", "json")
			if code != 0 {
				t.Fatalf("exit %d: %s%s", code, out, problems)
			}
			for _, line := range lines(t, out) {
				want := "keep"
				if line.Tag == "free" {
					want = "remove"
				}
				if line.Type == "verdict" && line.Verdict != want {
					t.Errorf("%s: %s, want %s (%s)", line.Tag, line.Verdict, want, line.Reasons)
				}
			}
		})
	}
}

// certificates writes ca.pem, cert.pem and key.pem: one certificate that signs
// itself and serves both sides.
func certificates(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: der}, "cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
