package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const pinned = "r.example.com/team/pinned@sha256:1111111111111111111111111111111111111111111111111111111111111111"

func named(name string) meta.ObjectMeta { return meta.ObjectMeta{Namespace: "shop", Name: name} }

func pods(image string) core.PodSpec {
	return core.PodSpec{Containers: []core.Container{{Name: "c", Image: image}}}
}

func podTemplate(image string) core.PodTemplateSpec { return core.PodTemplateSpec{Spec: pods(image)} }

// world is one object of every kind, made of the real API types.
func world(t *testing.T) map[string][]any {
	t.Helper()
	zero := int32(0)
	revision, err := json.Marshal(map[string]any{"spec": map[string]any{"template": podTemplate("r.example.com/team/revision:1")}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]any{
		"/api/v1/pods": {
			core.Pod{ObjectMeta: named("cart"), Spec: core.PodSpec{
				InitContainers:      []core.Container{{Image: "r.example.com/team/init:1"}},
				Containers:          []core.Container{{Image: "r.example.com/team/run:1"}},
				EphemeralContainers: []core.EphemeralContainer{{EphemeralContainerCommon: core.EphemeralContainerCommon{Image: "r.example.com/team/debug:1"}}},
				Volumes:             []core.Volume{{VolumeSource: core.VolumeSource{Image: &core.ImageVolumeSource{Reference: "r.example.com/team/volume:1"}}}},
			}, Status: core.PodStatus{ContainerStatuses: []core.ContainerStatus{{Image: "sha256:aa", ImageID: "docker-pullable://" + pinned}}}},
			core.Pod{ObjectMeta: named("second-page"), Spec: pods("r.example.com/team/page2:1")},
		},
		"/api/v1/replicationcontrollers":    {core.ReplicationController{ObjectMeta: named("rc"), Spec: core.ReplicationControllerSpec{Template: ptr(podTemplate("r.example.com/team/rc:1"))}}},
		"/api/v1/podtemplates":              {core.PodTemplate{ObjectMeta: named("pt"), Template: podTemplate("r.example.com/team/podtemplate:1")}},
		"/apis/apps/v1/deployments":         {apps.Deployment{ObjectMeta: named("zero"), Spec: apps.DeploymentSpec{Replicas: &zero, Template: podTemplate("r.example.com/team/zero:1")}}},
		"/apis/apps/v1/statefulsets":        {apps.StatefulSet{ObjectMeta: named("sts"), Spec: apps.StatefulSetSpec{Template: podTemplate("r.example.com/team/sts:1")}}},
		"/apis/apps/v1/daemonsets":          {apps.DaemonSet{ObjectMeta: named("ds"), Spec: apps.DaemonSetSpec{Template: podTemplate("r.example.com/team/ds:1")}}},
		"/apis/apps/v1/replicasets":         {apps.ReplicaSet{ObjectMeta: named("rollback"), Spec: apps.ReplicaSetSpec{Replicas: &zero, Template: podTemplate("r.example.com/team/rollback:1")}}},
		"/apis/apps/v1/controllerrevisions": {apps.ControllerRevision{ObjectMeta: named("rev"), Data: runtime.RawExtension{Raw: revision}}},
		"/apis/batch/v1/jobs":               {batch.Job{ObjectMeta: named("job"), Spec: batch.JobSpec{Template: podTemplate("r.example.com/team/job:1")}}},
		"/apis/batch/v1/cronjobs":           {batch.CronJob{ObjectMeta: named("cron"), Spec: batch.CronJobSpec{JobTemplate: batch.JobTemplateSpec{Spec: batch.JobSpec{Template: podTemplate("r.example.com/team/cron:1")}}}}},
	}
}

func ptr[T any](v T) *T { return &v }

// cluster serves a world, one object a page, and lets a test spoil answers.
func startCluster(t *testing.T, spoil func(path, token string) int) Finder {
	t.Helper()
	objects := world(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("continue")
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: only GET is allowed", r.Method, r.URL)
		}
		if spoil != nil {
			if status := spoil(r.URL.Path, token); status != 0 {
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"kind":"Status","message":"spoiled with %d"}`, status)
				return
			}
		}
		items, known := objects[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		at := 0
		if token != "" {
			_, _ = fmt.Sscanf(token, "at-%d", &at)
		}
		answer := map[string]any{"kind": "List", "metadata": map[string]any{}, "items": items[at : at+1]}
		if at+1 < len(items) {
			answer["metadata"] = map[string]any{"continue": fmt.Sprintf("at-%d", at+1)}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {token: hush}}]\ncontexts: [{name: prod, context: {cluster: c, user: u}}]\n", server.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return Finder{Kubeconfig: path, Context: "prod", pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func find(t *testing.T, f Finder) ([]string, error) {
	t.Helper()
	var got []string
	err := f.Find(t.Context(), func(image, what string) { got = append(got, image+" "+what) })
	return got, err
}

// Incidents containers-roadmap#1078 and cloud-platform#839: what can start
// again (scaled to zero, kept for a rollback, a cron job between two runs)
// could no longer be pulled.
func TestEverythingThatCanStartIsFound(t *testing.T) {
	got, err := find(t, startCluster(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"r.example.com/team/init:1 pod shop/cart", "r.example.com/team/run:1 pod shop/cart", "r.example.com/team/debug:1 pod shop/cart",
		"r.example.com/team/volume:1 pod shop/cart", "docker-pullable://" + pinned + " pod shop/cart",
		"r.example.com/team/page2:1 pod shop/second-page", "r.example.com/team/rc:1 replication controller shop/rc",
		"r.example.com/team/podtemplate:1 pod template shop/pt", "r.example.com/team/zero:1 deployment shop/zero",
		"r.example.com/team/sts:1 stateful set shop/sts", "r.example.com/team/ds:1 daemon set shop/ds",
		"r.example.com/team/rollback:1 replica set shop/rollback", "r.example.com/team/revision:1 controller revision shop/rev",
		"r.example.com/team/job:1 job shop/job", "r.example.com/team/cron:1 cron job shop/cron",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not reported: %s\ngot %s", want, strings.Join(got, "\n"))
		}
	}
	if slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "sha256:") }) {
		t.Errorf("a bare image id was reported: %q", got)
	}
}

func TestAKindThatCannotBeListedIsAProblem(t *testing.T) {
	for path := range world(t) {
		_, err := find(t, startCluster(t, func(p, _ string) int {
			if p == path {
				return http.StatusForbidden
			}
			return 0
		}))
		if err == nil || !strings.Contains(err.Error(), "403: spoiled") || !strings.Contains(err.Error(), "verbs: [list]") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s forbidden: err = %v", path, err)
		}
	}
}

func TestAListThatGrewTooOldStartsAgain(t *testing.T) {
	gone := 0
	got, err := find(t, startCluster(t, func(path, token string) int {
		if path == "/api/v1/pods" && token != "" && gone < 2 {
			gone++
			return http.StatusGone
		}
		return 0
	}))
	if err != nil || !slices.Contains(got, "r.example.com/team/page2:1 pod shop/second-page") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := find(t, startCluster(t, func(_, token string) int {
		if token != "" {
			return http.StatusGone
		}
		return 0
	})); err == nil {
		t.Error("a list that never ends well counts as complete")
	}
}

func TestAClusterThatIsDownOrUnknown(t *testing.T) {
	for _, f := range []Finder{{Kubeconfig: "/does/not/exist"}, {Kubeconfig: startCluster(t, nil).Kubeconfig, Context: "other"}} {
		if _, err := find(t, f); err == nil {
			t.Errorf("%+v: no error", f)
		}
	}
}

// A server that is busy is asked again, as long as it wants to be left alone; a
// connection that breaks in the middle of a page brings nothing of that page,
// and one that always breaks is a problem, not a short list.
func TestABusyServerIsAskedAgain(t *testing.T) {
	for name, spoil := range map[string]http.HandlerFunc{
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"reset": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"kind":"PodList","items":[{"metadata":{"name":"half"},"spec":{"containers":[{"image":"r.example.com/team/half:1"}]}},`)
			panic(http.ErrAbortHandler)
		},
	} {
		for _, times := range []int{2, 1000} {
			var left atomic.Int64 // requests come on connections of their own
			left.Store(int64(times))
			f := behind(t, startCluster(t, nil), func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/api/v1/pods" || left.Add(-1) < 0 {
					return false
				}
				spoil(w, r)
				return true
			})
			var pauses []time.Duration
			f.pause = func(ctx context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return ctx.Err()
			}
			got, err := find(t, f)
			if complete := err == nil && slices.Contains(got, "r.example.com/team/run:1 pod shop/cart"); complete != (times == 2) {
				t.Errorf("%s %d times: %v", name, times, err)
			}
			if name == "429" && (len(pauses) == 0 || pauses[0] != 7*time.Second) {
				t.Errorf("the server asked for 7 s and got %v", pauses)
			}
			if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "half") }) {
				t.Errorf("%s: half a page was believed", name)
			}
		}
	}
}

// behind puts a handler in front of a cluster that may answer instead of it.
func behind(t *testing.T, f Finder, instead func(http.ResponseWriter, *http.Request) bool) Finder {
	t.Helper()
	text, err := os.ReadFile(f.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	origin := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(text))
	target, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !instead(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	f.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(f.Kubeconfig, []byte(strings.ReplaceAll(string(text), origin, front.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// What answers 200 and is no list (a captive portal, a gateway) is no empty
// cluster.
func TestAnAnswerThatIsNoListIsAProblem(t *testing.T) {
	for _, body := range []string{`{}`, `<html>`, `{"kind":"Status","status":"Success"}`, `{"kind":"PodList","items":[{"spec":7}]}`, ``} {
		f := behind(t, startCluster(t, nil), func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/api/v1/pods" {
				_, _ = io.WriteString(w, body)
				return true
			}
			return false
		})
		if _, err := find(t, f); err == nil || !strings.Contains(err.Error(), "list pods") {
			t.Errorf("%q: err = %v", body, err)
		}
	}
}

func TestCustomResourcesAreReadByName(t *testing.T) {
	f := behind(t, startCluster(t, nil), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/apis/argoproj.io/v1alpha1/rollouts" {
			return false
		}
		_, _ = io.WriteString(w, `{"kind":"RolloutList","items":[{"metadata":{"namespace":"shop","name":"cart"},"spec":{"template":{"spec":{
			"containers":[{"image":"r.example.com/team/rollout:1"},{"name":"no image"}],"initContainers":[{"image":"r.example.com/team/init:2"}]}},"image":{"repository":"x"}}}]}`)
		return true
	})
	f.Resources = []string{"argoproj.io/v1alpha1/rollouts"}
	got, err := find(t, f)
	for _, want := range []string{"r.example.com/team/rollout:1 rollouts shop/cart", "r.example.com/team/init:2 rollouts shop/cart"} {
		if err != nil || !slices.Contains(got, want) {
			t.Errorf("not reported: %s (%v)", want, err)
		}
	}
	f.Resources = []string{"other.io/v1/things"}
	if _, err := find(t, f); err == nil || !strings.Contains(err.Error(), "does not serve this kind") {
		t.Errorf("a kind that is not there: %v", err)
	}
}

// Credentials may come from a program, which may be missing here. They are sent
// over TLS only.
func TestCredentialsFromAPlugin(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"kind":"List","items":[]}`)
	}))
	t.Cleanup(server.Close)
	for credentials, want := range map[string]string{
		"token: hush":  "",
		"token: other": "may have expired",
		`exec: {apiVersion: client.authentication.k8s.io/v1, command: printf, interactiveMode: Never, args: ['{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"hush"}}']}`: "",
		`exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never, installHint: "Install it."}`:                                                                           "no-such-plugin not found",
	} {
		path := filepath.Join(t.TempDir(), "kubeconfig")
		config := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]\nusers: [{name: u, user: {%s}}]\ncontexts: [{name: prod, context: {cluster: c, user: u}}]\n", server.URL, credentials)
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		f := Finder{Kubeconfig: path, pause: func(context.Context, time.Duration) error { return nil }}
		if _, err := find(t, f); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v, want %q", credentials, err, want)
		}
	}
}

func TestTwoPartsOfAClusterHaveTwoNames(t *testing.T) {
	names := map[string]bool{}
	for _, f := range []Finder{{}, {Context: "a"}, {Kubeconfig: "a", Context: "b"}, {Kubeconfig: "c", Context: "b"}, {Context: "a", Namespaces: []string{"x"}}, {Context: "a", Namespaces: []string{"x", "y"}}} {
		if names[f.Name()] {
			t.Errorf("two are called %q", f.Name())
		}
		names[f.Name()] = true
	}
}
