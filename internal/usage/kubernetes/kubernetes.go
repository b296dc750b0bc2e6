// Package kubernetes asks a cluster which images run and which can start
// again: pods, and everything that holds a pod template, also scaled to zero
// or kept for a rollback.
//
// It promises to ask only with GET, to read every page, and to call the
// looking incomplete when one kind cannot be listed. It does not watch, and it
// does not know custom resources.
package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Finder asks one cluster. Kubeconfig is a file ("" for the usual places, or
// the pod's own account inside a cluster); Context is one of its contexts (""
// for the current one). Namespaces narrows what is listed; nil is all, which
// needs a ClusterRole.
type Finder struct {
	Kubeconfig string
	Context    string
	Namespaces []string
}

// Name says which cluster.
func (f Finder) Name() string {
	switch {
	case f.Context != "":
		return "kubernetes " + f.Context
	case f.Kubeconfig != "":
		return "kubernetes " + f.Kubeconfig
	}
	return "kubernetes"
}

// listing is one kind of object that names images.
type listing struct{ group, plural, kind string }

// listings are what can run or start again (Kubernetes API reference,
// "Workload Resources"). Controller revisions hold the templates to which
// stateful sets and daemon sets roll back, replica sets those of deployments.
var listings = []listing{
	{"api/v1", "pods", "pod"},
	{"api/v1", "replicationcontrollers", "replication controller"},
	{"api/v1", "podtemplates", "pod template"},
	{"apis/apps/v1", "deployments", "deployment"},
	{"apis/apps/v1", "statefulsets", "stateful set"},
	{"apis/apps/v1", "daemonsets", "daemon set"},
	{"apis/apps/v1", "replicasets", "replica set"},
	{"apis/apps/v1", "controllerrevisions", "controller revision"},
	{"apis/batch/v1", "jobs", "job"},
	{"apis/batch/v1", "cronjobs", "cron job"},
}

// Find lists every kind. One that fails does not keep the others from being
// listed.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	c := cluster{client: client, base: strings.TrimSuffix(base.String(), "/"), name: f.Name()}
	namespaces := f.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var problems error
	for _, l := range listings {
		for _, namespace := range namespaces {
			if err := c.list(ctx, l, namespace, found); err != nil {
				problems = errors.Join(problems, err)
			}
		}
	}
	return problems
}

type cluster struct {
	client *http.Client
	base   string
	name   string
}

const (
	pageSize    = 500
	mostRestart = 3
	mostBytes   = 256 << 20 // of one page
)

// list reads all pages of one kind. A list that grows too old while it is
// read (410 Gone) starts again from its first page.
func (c cluster) list(ctx context.Context, l listing, namespace string, found func(image, what string)) error {
	token := ""
	for restarts := 0; ; {
		page, err := c.page(ctx, l, namespace, token)
		var status statusError
		if errors.As(err, &status) && status.code == http.StatusGone && restarts < mostRestart {
			restarts++
			token = ""
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: list %s: %w", c.name, l.plural, err)
		}
		for _, o := range page.Items {
			what := fmt.Sprintf("%s %s/%s", l.kind, o.Metadata.Namespace, o.Metadata.Name)
			for _, image := range o.images() {
				found(image, what)
			}
		}
		if token = page.Metadata.Continue; token == "" {
			return nil
		}
	}
}

type statusError struct {
	code    int
	message string
}

func (s statusError) Error() string {
	if s.message == "" {
		return fmt.Sprintf("HTTP %d", s.code)
	}
	return fmt.Sprintf("HTTP %d: %s", s.code, s.message)
}

func (c cluster) page(ctx context.Context, l listing, namespace, token string) (page, error) {
	address := c.base + "/" + l.group
	if namespace != "" {
		address += "/namespaces/" + url.PathEscape(namespace)
	}
	address += fmt.Sprintf("/%s?limit=%d", l.plural, pageSize)
	if token != "" {
		address += "&continue=" + url.QueryEscape(token)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, mostBytes)
	if response.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.NewDecoder(body).Decode(&status) // the message is a courtesy
		return page{}, statusError{response.StatusCode, status.Message}
	}
	var p page
	err = json.NewDecoder(body).Decode(&p)
	return p, err
}
