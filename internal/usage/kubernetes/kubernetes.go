// Package kubernetes asks a cluster which images run and which can start
// again: pods, and everything that holds a pod template, also scaled to zero
// or kept for a rollback.
//
// It promises to ask only with GET, to read every page, and to call the
// looking incomplete when one kind cannot be listed. It does not watch, and it
// knows custom resources only by name.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Finder asks one cluster. Kubeconfig is a file ("" for the usual places, or
// the pod's own account inside a cluster); Context is one of its contexts (""
// for the current one). Namespaces narrows what is listed; nil is all, which
// needs a ClusterRole. Resources are custom resources that name images, each
// written GROUP/VERSION/PLURAL; every text below a key "image" counts.
type Finder struct {
	Kubeconfig string
	Context    string
	Namespaces []string
	Resources  []string

	pause func(context.Context, time.Duration) error // nil: sleep
}

// Name says which cluster, and which part of it where that is narrowed.
func (f Finder) Name() string {
	name := "kubernetes"
	for _, part := range []string{f.Kubeconfig, f.Context} {
		if part != "" {
			name += " " + part
		}
	}
	if len(f.Namespaces) > 0 {
		name += " (" + strings.Join(f.Namespaces, ", ") + ")"
	}
	return name
}

// listing is one kind of object that names images.
type listing struct {
	group, plural, kind string
	images              func(raw []byte) (name, namespace string, images []string, err error)
}

// listings are what can run or start again (Kubernetes API reference,
// "Workload Resources"). Controller revisions hold the templates to which
// stateful sets and daemon sets roll back, replica sets those of deployments.
var listings = []listing{
	{"api/v1", "pods", "pod", objectImages},
	{"api/v1", "replicationcontrollers", "replication controller", objectImages},
	{"api/v1", "podtemplates", "pod template", objectImages},
	{"apis/apps/v1", "deployments", "deployment", objectImages},
	{"apis/apps/v1", "statefulsets", "stateful set", objectImages},
	{"apis/apps/v1", "daemonsets", "daemon set", objectImages},
	{"apis/apps/v1", "replicasets", "replica set", objectImages},
	{"apis/apps/v1", "controllerrevisions", "controller revision", objectImages},
	{"apis/batch/v1", "jobs", "job", objectImages},
	{"apis/batch/v1", "cronjobs", "cron job", objectImages},
}

// Find lists every kind. One that is refused does not keep the others from
// being listed.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	config.UserAgent = "regkeep"
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	c := cluster{client: client, base: strings.TrimSuffix(base.String(), "/"), name: f.Name(), pause: f.pause}
	if c.pause == nil {
		c.pause = sleep
	}
	kinds := slices.Clone(listings)
	for _, resource := range f.Resources {
		kinds = append(kinds, custom(resource))
	}
	namespaces := f.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var problems error
	for _, l := range kinds {
		for _, namespace := range namespaces {
			err := c.list(ctx, l, namespace, found)
			if problems = errors.Join(problems, err); err != nil && !answered(err) {
				return problems // who does not answer is not asked nine more times
			}
		}
	}
	return problems
}

// custom is the listing of GROUP/VERSION/PLURAL.
func custom(resource string) listing {
	group, plural, _ := cutLast(resource)
	return listing{group: "apis/" + group, plural: plural, kind: plural, images: customImages}
}

func cutLast(s string) (before, after string, found bool) {
	at := strings.LastIndexByte(s, '/')
	return s[:max(at, 0)], s[at+1:], at >= 0
}
