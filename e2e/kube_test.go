//go:build kube

package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// cluster is a kube-apiserver with an etcd behind it and nothing else: no
// controller changes what a test puts there, no kubelet runs it.
type cluster struct {
	t         *testing.T
	url       string
	authority string // file
	stop      func()
}

const adminToken = "administrator"

// startCluster runs $KUBE_APISERVER, which tools/kube/run builds.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	server := os.Getenv("KUBE_APISERVER")
	if server == "" {
		t.Fatal("KUBE_APISERVER is not set: run tools/kube/run")
	}
	dir := t.TempDir()
	store, peer, port := freePort(t), freePort(t), freePort(t)
	background(t, dir, "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", "http://"+store, "--advertise-client-urls", "http://"+store,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "default=http://"+peer)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, tokens := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens.csv")
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	write(t, tokens, adminToken+",admin,1,system:masters\n")
	_, number, _ := strings.Cut(port, ":")
	c := &cluster{t: t, url: "https://" + port, authority: filepath.Join(dir, "certs", "apiserver.crt")}
	c.stop = background(t, dir, server, "--etcd-servers=http://"+store, "--cert-dir="+filepath.Join(dir, "certs"), "--bind-address=127.0.0.1", "--secure-port="+number,
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+keyFile, "--service-account-signing-key-file="+keyFile,
		"--authorization-mode=RBAC", "--token-auth-file="+tokens, "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount")
	for deadline := time.Now().Add(2 * time.Minute); ; <-time.After(200 * time.Millisecond) {
		if status, _, err := c.send(http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal("the kube-apiserver did not get ready")
		}
	}
}

func (c *cluster) send(method, path string, body any) (int, []byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+adminToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := kubeClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

var kubeClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 8}}

// do sends a request that must succeed.
func (c *cluster) do(method, path string, body any) []byte {
	c.t.Helper()
	status, answer, err := c.send(method, path, body)
	if err != nil || status >= http.StatusMultipleChoices {
		c.t.Fatalf("%s %s: %d %v: %s", method, path, status, err, answer)
	}
	return answer
}

// object reads YAML.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

// paths are where the API keeps the kinds that tests create.
var paths = map[string]string{
	"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/%s/serviceaccounts", "Pod": "/api/v1/namespaces/%s/pods",
	"PodTemplate": "/api/v1/namespaces/%s/podtemplates", "ReplicationController": "/api/v1/namespaces/%s/replicationcontrollers",
	"Deployment": "/apis/apps/v1/namespaces/%s/deployments", "StatefulSet": "/apis/apps/v1/namespaces/%s/statefulsets", "DaemonSet": "/apis/apps/v1/namespaces/%s/daemonsets",
	"ReplicaSet": "/apis/apps/v1/namespaces/%s/replicasets", "ControllerRevision": "/apis/apps/v1/namespaces/%s/controllerrevisions",
	"Job": "/apis/batch/v1/namespaces/%s/jobs", "CronJob": "/apis/batch/v1/namespaces/%s/cronjobs",
	"ConfigMap": "/api/v1/namespaces/%s/configmaps", "PersistentVolumeClaim": "/api/v1/namespaces/%s/persistentvolumeclaims",
	"ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	"CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/%s/rollouts",
}

// apply creates the objects of a YAML text, which are separated by --- lines.
func (c *cluster) apply(text string) {
	c.t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		o := object(c.t, document)
		path := paths[o["kind"].(string)]
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, o["metadata"].(map[string]any)["namespace"])
		}
		c.do(http.MethodPost, path, o)
	}
}

// kubeconfig writes one for a token.
func (c *cluster) kubeconfig(token string) string {
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	write(c.t, path, fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: real\nclusters: [{name: c, cluster: {server: %q, certificate-authority: %q}}]\nusers: [{name: u, user: {token: %q}}]\ncontexts: [{name: real, context: {cluster: c, user: u}}]\n", c.url, c.authority, token))
	return path
}

// token asks for one of a service account.
func (c *cluster) token(namespace, account string) string {
	c.t.Helper()
	var answer struct{ Status struct{ Token string } }
	text := c.do(http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token", object(c.t, "{apiVersion: authentication.k8s.io/v1, kind: TokenRequest, spec: {}}"))
	if err := json.Unmarshal(text, &answer); err != nil || answer.Status.Token == "" {
		c.t.Fatalf("%v: %s", err, text)
	}
	return answer.Status.Token
}
