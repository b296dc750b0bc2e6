//go:build kube

package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

const clusterObjects = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop}
spec:
  initContainers: [{name: i, image: "$HOST/app:init"}]
  containers: [{name: c, image: "$HOST/app:run"}, {name: d, image: "$HOST/app:moved"}]
  volumes: [{name: v, image: {reference: "$HOST/app:volume"}}]
---
apiVersion: v1
kind: PodTemplate
metadata: {name: template, namespace: shop}
template: {spec: {containers: [{name: c, image: "$HOST/app:podtemplate"}]}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: rc, namespace: shop}
spec: {replicas: 0, selector: {a: rc}, template: {metadata: {labels: {a: rc}}, spec: {containers: [{name: c, image: "$HOST/app:rc"}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: zero, namespace: shop}
spec: {replicas: 0, selector: {matchLabels: {a: zero}}, template: {metadata: {labels: {a: zero}}, spec: {containers: [{name: c, image: "$HOST/app:zero"}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: bydigest, namespace: shop}
spec: {selector: {matchLabels: {a: bydigest}}, template: {metadata: {labels: {a: bydigest}}, spec: {containers: [{name: c, image: "$HOST/app@$BYDIGEST"}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: pinned, namespace: shop}
spec: {selector: {matchLabels: {a: pinned}}, template: {metadata: {labels: {a: pinned}}, spec: {containers: [{name: c, image: "$HOST/app:release@$PINNED"}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mirror, namespace: shop}
spec: {selector: {matchLabels: {a: mirror}}, template: {metadata: {labels: {a: mirror}}, spec: {containers: [{name: c, image: "mirror.local/hub/app:mirror"}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: rollback, namespace: shop}
spec: {replicas: 0, selector: {matchLabels: {a: rollback}}, template: {metadata: {labels: {a: rollback}}, spec: {containers: [{name: c, image: "$HOST/app:rollback"}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sts, namespace: shop}
spec: {serviceName: sts, selector: {matchLabels: {a: sts}}, template: {metadata: {labels: {a: sts}}, spec: {containers: [{name: c, image: "$HOST/app:sts"}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds, namespace: shop}
spec: {selector: {matchLabels: {a: ds}}, template: {metadata: {labels: {a: ds}}, spec: {containers: [{name: c, image: "$HOST/app:ds"}]}}}
---
apiVersion: apps/v1
kind: ControllerRevision
metadata: {name: revision, namespace: shop}
revision: 1
data: {spec: {template: {$patch: replace, spec: {containers: [{name: c, image: "$HOST/app:revision"}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job, namespace: shop}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: c, image: "$HOST/app:job"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cron, namespace: shop}
spec: {schedule: "0 3 1 1 *", suspend: true, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "$HOST/app:cron"}]}}}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {plural: rollouts, singular: rollout, kind: Rollout, listKind: RolloutList}
  versions: [{name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

const clusterRollout = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: rollout, namespace: shop}
spec: {template: {spec: {containers: [{name: c, image: "$HOST/app:rollout"}]}}}
`

const clusterRolloutReader = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rollouts}
rules: [{apiGroups: [argoproj.io], resources: [rollouts], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: rollouts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rollouts}
subjects: [{kind: ServiceAccount, name: regkeep, namespace: regkeep}]
`

const clusterPolicy = `version: 1
in_use:
  aliases: {"mirror.local/hub": "$HOST"}
  sources: [{kubernetes: {kubeconfig: $KUBECONFIG, resources: [argoproj.io/v1alpha1/rollouts]}}]
protect: [{in_use: true}]
policies:
  - repositories: ["**"]
    rules: [{tags: ["**"], untagged: true, remove: [{everything: true}], keep: [{newest: 1}]}]
    grace: 1m
`

// A real kube-apiserver with an object of every kind that can start a
// container, and a policy that would remove all of their images.
func TestARealClusterKeepsWhatItUses(t *testing.T) {
	c := startCluster(t)
	host := live.Distribution(t, server.Options{}).Host
	w := world.New(time.Now())
	repo := w.Repository("app")
	image := func() *world.Manifest {
		return repo.Image(world.Image{Created: world.At(w.Now.AddDate(0, 0, -100))})
	}
	inUse := []string{
		"init", "run", "moved", "volume", "podtemplate", "rc", "zero", "bydigest", "release", "mirror", "rollback", "sts", "ds", "revision", "job", "cron",
		"rollout", "ephemeral", "running-digest", "last-page",
	}
	for _, tag := range slices.Concat(inUse, []string{"free-1", "free-2", "free-3"}) {
		repo.Tag(tag, image())
	}
	// The tag release has moved on from an index that is pinned and that shares
	// an image with one that goes.
	shared := image()
	goes := repo.Index(world.Index{Children: []*world.Manifest{shared, image()}})
	repo.Tag("free-index", goes)
	pinned := repo.Index(world.Index{Children: []*world.Manifest{shared, image()}})
	repo.Tag("newest", repo.Image(world.Image{Created: world.At(w.Now.AddDate(0, 0, -2))}))
	if err := w.Push(t.Context(), host); err != nil {
		t.Fatal(err)
	}

	values := map[string]string{"HOST": host, "BYDIGEST": string(repo.Tags["bydigest"]), "PINNED": string(pinned.Digest), "patch": "$patch"}
	expand := func(text string) string { return os.Expand(text, func(name string) string { return values[name] }) }
	c.apply(expand(clusterObjects))
	fillCluster(c, host, repo)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(100 * time.Millisecond) { // until the new kind is served
		if status, _, _ := c.send(http.MethodGet, "/apis/argoproj.io/v1alpha1/rollouts", nil); status == http.StatusOK || time.Now().After(deadline) {
			break
		}
	}
	c.apply(expand(clusterRollout))
	c.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: regkeep}")
	for _, file := range []string{"in-use-reader.yaml", "plan-cronjob.yaml"} {
		text, err := os.ReadFile("../deploy/kubernetes/" + file)
		if err != nil {
			t.Fatal(err)
		}
		c.apply(string(text))
	}

	values["KUBECONFIG"] = c.kubeconfig(c.token("regkeep", "regkeep"))
	policy, file := filepath.Join(t.TempDir(), "policy.yaml"), filepath.Join(t.TempDir(), "plan.jsonl")
	write(t, policy, expand(clusterPolicy))
	k := newKeeper(t)

	// The role in deploy/ does not know custom resources: refused, with the rule
	// that is missing.
	out, problems, code := k.run("plan", host, "-f", policy)
	if rule := `grant {apiGroups: ["argoproj.io"], resources: [rollouts], verbs: [list]}`; code != 3 || !strings.Contains(out, rule) {
		t.Fatalf("without a role for rollouts: exit %d: %s%s", code, out, problems)
	}
	c.apply(clusterRolloutReader)

	out, problems, code = k.run("in-use", host, "-f", policy)
	if code != 0 || !strings.Contains(out, "cron job shop/cron") || strings.Contains(out, "missing  ") {
		t.Errorf("in-use: exit %d: %s%s", code, out, problems)
	}
	if out, problems, code = k.run("plan", host, "-f", policy, "--output", file); code != 0 {
		t.Fatalf("plan: exit %d: %s%s", code, out, problems)
	}
	if out, problems, code := k.run("apply", file, "--yes"); code != 0 {
		t.Fatalf("apply: exit %d: %s%s", code, out, problems)
	}
	after, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(inUse), "newest")
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(after.Repositories["app"].Tags))); diff != "" {
		t.Errorf("tags: %s\n%s", diff, out)
	}
	before := &world.Contents{Manifests: repo.Manifests}
	for _, digest := range slices.Concat(slices.Collect(maps.Values(after.Repositories["app"].Tags)), []oci.Digest{pinned.Digest}) {
		stillWhole(t, before, after.Repositories["app"], digest)
	}
	if after.Repositories["app"].Manifests[goes.Digest] != nil {
		t.Error("the index that nobody uses is still there")
	}

	// A cluster that is empty all of a sudden is not believed, nor is one that
	// does not answer.
	c.do(http.MethodDelete, fmt.Sprintf(paths["CronJob"], "regkeep")+"/regkeep-plan", nil)
	for _, kind := range []string{"Pod", "PodTemplate", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision", "Job", "CronJob", "Rollout"} {
		c.do(http.MethodDelete, fmt.Sprintf(paths[kind], "shop"), object(t, "{apiVersion: v1, kind: DeleteOptions, gracePeriodSeconds: 0, propagationPolicy: Background}"))
	}
	if out, problems, code := k.run("plan", host, "-f", policy); code != 3 || !strings.Contains(out, "reports nothing in use now") {
		t.Errorf("emptied: exit %d: %s%s", code, out, problems)
	}
	c.stop()
	if out, problems, code := k.run("plan", host, "-f", policy); code != 3 || !strings.Contains(out, "connection refused") {
		t.Errorf("stopped: exit %d: %s%s", code, out, problems)
	}
}

// fillCluster adds what takes more than one request: a container that was added
// to a running pod, what a kubelet reports, and more pods than fit on a page.
func fillCluster(c *cluster, host string, repo *world.Repository) {
	c.t.Helper()
	pod := "/api/v1/namespaces/shop/pods/cart"
	body := object(c.t, string(c.do(http.MethodGet, pod, nil)))
	body["spec"].(map[string]any)["ephemeralContainers"] = []any{map[string]any{"name": "e", "image": host + "/app:ephemeral"}}
	c.do(http.MethodPut, pod+"/ephemeralcontainers", body)
	// The image that runs is the one that the tag pointed at when it was pulled.
	body = object(c.t, string(c.do(http.MethodGet, pod, nil)))
	body["status"] = map[string]any{"phase": "Running", "containerStatuses": []any{map[string]any{
		"name": "d", "image": host + "/app:moved", "imageID": host + "/app@" + string(repo.Tags["running-digest"]), "ready": true, "restartCount": 0,
	}}}
	c.do(http.MethodPut, pod+"/status", body)
	for i := range 1100 {
		tag := "run"
		if i == 1099 {
			tag = "last-page"
		}
		c.do(http.MethodPost, "/api/v1/namespaces/shop/pods", object(c.t, fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: web-%04d, namespace: shop}, spec: {containers: [{name: c, image: %q}]}}", i, host+"/app:"+tag)))
	}
}
