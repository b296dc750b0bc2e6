package distribution

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// mostOfAProbe bounds the answers to questions about the registry itself.
const mostOfAProbe = 4 << 20

// Describe implements registry.Describer with a handful of reads. Whether
// anything can be deleted is not to be found out that way and stays unknown.
func (r *Registry) Describe(ctx context.Context) (registry.Info, error) {
	info := registry.Info{Name: r.name, URL: r.URL(), Kind: Kind}
	info.Capabilities.PushTimes = registry.SupportNo
	info.Capabilities.PullTimes = registry.SupportNo
	info.Capabilities.Untagged = registry.SupportNo
	info.Capabilities.ComponentDelete = registry.SupportNo
	distribution, err := r.ping(ctx, &info)
	if err != nil {
		return info, err
	}
	// Questions that do not follow from each other are asked side by side.
	var example string
	first, within := errgroup.WithContext(ctx)
	first.Go(func() (err error) {
		example, info.Capabilities.Catalog, err = r.probeCatalog(within)
		return err
	})
	first.Go(func() (err error) {
		info.Version, info.Capabilities.PullsCounted, err = r.probeExtensions(within, info.Version)
		return err
	})
	if err := first.Wait(); err != nil {
		return info, err
	}
	if example != "" {
		second, within := errgroup.WithContext(ctx)
		second.Go(func() error { return r.probeReferrers(within, example) })
		if r.whole {
			second.Go(func() error { return r.beginTags(within, example) })
		}
		if distribution && info.Version == "" {
			second.Go(func() error { return r.probePaging(within, example, &info) })
		}
		if err := second.Wait(); err != nil {
			return info, err
		}
	}
	info.Capabilities.Referrers = r.hasReferrers()
	return info, nil
}

// ping signs in and makes sure that there is a registry at all. It also says
// whether the registry calls itself what CNCF distribution calls itself, as others
// do too.
func (r *Registry) ping(ctx context.Context, info *registry.Info) (distribution bool, err error) {
	c := call{op: "sign in to", method: http.MethodGet}
	resp, _, err := r.fetch(ctx, c, mostOfAProbe)
	var failure *registry.Error
	switch {
	case errors.As(err, &failure) && failure.Status == http.StatusNotFound:
		return false, r.noRegistry(c)
	case err != nil:
		return false, err
	case isPage(resp):
		return false, r.noRegistry(c)
	}
	if version := resp.Header.Get("Gitlab-Container-Registry-Version"); version != "" {
		info.Version = "GitLab container registry " + clean(version, 40)
	}
	return resp.Header.Get("Docker-Distribution-Api-Version") == "registry/2.0", nil
}

func (r *Registry) noRegistry(c call) error {
	failure := r.failure(c, registry.ErrUnsupported, fmt.Errorf("%s/v2/ is not the API of a registry", r.URL()))
	failure.Hint = "Check the address; a registry below a path is named by its whole URL."
	return failure
}

// probeCatalog asks for one repository, or begins to list them all. Not being
// allowed to list says nothing about the registry, and nothing is held against it
// here.
func (r *Registry) probeCatalog(ctx context.Context) (example string, catalog registry.Support, err error) {
	names, err := r.firstRepositories(ctx)
	if err != nil {
		err = withCatalogHint(err)
	}
	switch {
	case errors.Is(err, registry.ErrUnsupported):
		return "", registry.SupportNo, nil
	case errors.Is(err, registry.ErrDenied), errors.Is(err, registry.ErrMalformed):
		return "", registry.SupportUnknown, nil
	case err != nil:
		return "", registry.SupportUnknown, err
	}
	if len(names) > 0 {
		example = names[0]
	}
	return example, registry.SupportYes, nil
}

func (r *Registry) firstRepositories(ctx context.Context) ([]string, error) {
	c := catalog()
	if r.whole {
		return r.begin(ctx, c, "repositories")
	}
	c.query = url.Values{"n": {"1"}}
	_, body, err := r.fetch(ctx, c, mostOfAPage)
	if err != nil {
		return nil, err
	}
	w := r.walk(c, "repositories")
	return w.decode(body)
}

// beginTags begins to list the tags of a repository. What goes wrong with that is
// told to who lists them.
func (r *Registry) beginTags(ctx context.Context, repository string) error {
	c, err := r.tagList(repository)
	if err == nil {
		_, err = r.begin(ctx, c, "tags")
	}
	if err != nil {
		return ctx.Err()
	}
	return nil
}

// probeReferrers asks who refers to a manifest that nobody has.
func (r *Registry) probeReferrers(ctx context.Context, example string) error {
	nobody := oci.Digest("sha256:" + strings.Repeat("0", 64))
	for _, err := range r.Referrers(ctx, example, nobody) {
		if err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// probeExtensions recognises zot, which counts every fetch of a manifest as a
// pull, by the discovery document of its extensions. Elsewhere the version
// stays what it is.
func (r *Registry) probeExtensions(ctx context.Context, known string) (version string, pullsCounted registry.Support, err error) {
	c := call{op: "list extensions", method: http.MethodGet, path: "_oci/ext/discover"}
	resp, body, err := r.fetch(ctx, c, mostOfAProbe)
	switch {
	case err != nil:
		return known, registry.SupportUnknown, ctx.Err()
	case !isPage(resp) && strings.Contains(string(body), `"_zot"`):
		return "zot", registry.SupportYes, nil
	}
	return known, registry.SupportUnknown, nil
}

// probePaging recognises CNCF distribution 2, whose garbage collection needs a
// warning, by its answer to a request for no tags: all of them.
func (r *Registry) probePaging(ctx context.Context, example string, info *registry.Info) error {
	c, err := r.tagList(example)
	if err != nil {
		return nil
	}
	c.query = url.Values{"n": {"0"}}
	_, body, err := r.fetch(ctx, c, mostOfAPage)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return nil
	}
	w := r.walk(c, "tags")
	names, err := w.decode(body)
	if err == nil && len(names) > 0 {
		info.Version = "CNCF distribution 2"
		info.Warnings = append(info.Warnings, "This looks like CNCF distribution 2: its garbage-collect --delete-untagged (-m) also deletes the untagged platform images of tagged indexes. Run garbage-collect without it, or move to distribution 3.")
	}
	return nil
}
