package nexus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// Kind is the name of this adapter.
const Kind = "nexus"

// Registry reads one Nexus server. It implements registry.Reader and
// registry.Describer and is safe for concurrent use.
type Registry struct {
	name   string
	client *client

	mu    sync.Mutex
	repos map[string]*repository // nil until the sign-in probe has answered
}

// repository is one repository of the server. Its gate is held while a listing
// is under way, so that all who need the listing share it.
type repository struct {
	repositoryXO
	gate    chan struct{}
	current *listing
	usage   *usage
	failed  error // of the last listing
	at      time.Time
}

var (
	_ registry.Reader    = (*Registry)(nil)
	_ registry.Describer = (*Registry)(nil)
)

// New opens a server by its base URL, with or without a context path. It sends
// nothing yet.
func New(endpoint registry.Endpoint, opts ...wrap.Option) (*Registry, error) {
	c, err := dial(endpoint, opts...)
	if err != nil {
		return nil, err
	}
	return &Registry{name: c.name, client: c}, nil
}

// URL is the base URL.
func (r *Registry) URL() string { return r.client.base.String() }

// Requests is how many requests were sent so far, of any kind.
func (r *Registry) Requests() int64 { return r.client.counter.Requests() }

// Describe signs in, with one request, and says what the server is.
func (r *Registry) Describe(ctx context.Context) (registry.Info, error) {
	repos, err := r.signIn(ctx)
	if err != nil {
		return registry.Info{}, err
	}
	v := r.client.version(ctx)
	return registry.Info{
		Name: r.name, URL: r.URL(), Kind: Kind, Version: v.String(),
		Capabilities: capabilities, Warnings: append(left(repos), v.warnings()...),
	}, nil
}

// capabilities are the same for every version that is supported.
var capabilities = registry.Capabilities{
	TagDelete: registry.SupportYes, DigestDelete: registry.SupportNo, Catalog: registry.SupportYes,
	PushTimes: registry.SupportYes, PullTimes: registry.SupportYes, Untagged: registry.SupportNo,
	PullsCounted: registry.SupportYes, ComponentDelete: registry.SupportYes,
	CascadeReferrers: registry.SupportNo,
}

// signIn asks for the repositories: the one request that finds out whether the
// credentials work, before any other is sent. No visible repository is an
// error, because some versions answer a stranger with an empty list.
func (r *Registry) signIn(ctx context.Context) (map[string]*repository, error) {
	call := call{op: "sign in and list repositories", path: restPath + "/repositories"}
	var found *[]repositoryXO
	err := r.client.get(ctx, call, &found)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, r.client.fail(call, registry.ErrNotFound, "There is no Nexus REST API below this base URL; if Nexus has a context path, add it (https://HOST/nexus)", nil)
	case err != nil:
		return nil, err
	case found == nil:
		return nil, r.client.fail(call, registry.ErrMalformed, "", errors.New("null in place of a list"))
	case len(*found) == 0:
		hint := "Grant this user nx-repository-view-docker-*-browse, -read and -delete"
		if !r.client.signedIn() {
			hint = "No credentials were found and anonymous users see nothing: " + hintAnonymous
		}
		return nil, r.client.fail(call, registry.ErrDenied, hint, errors.New("no repository is visible, which is not the same as none being there"))
	}
	repos := map[string]*repository{}
	for _, xo := range *found {
		repos[xo.Name] = &repository{repositoryXO: xo, gate: make(chan struct{}, 1)}
	}
	r.mu.Lock()
	r.repos = repos
	r.mu.Unlock()
	return repos, nil
}

// container says whether the repository holds images or OCI artifacts.
func (x repositoryXO) container() bool { return x.Format == "docker" || x.Format == "oci" }

func (x repositoryXO) hosted() bool { return x.container() && x.Type == "hosted" }

// left names the repositories that hold images and are left alone.
func left(repos map[string]*repository) []string {
	var warnings []string
	for _, kind := range []string{"group", "proxy"} {
		var names []string
		for _, repo := range repos {
			if repo.container() && repo.Type == kind {
				names = append(names, repo.Name)
			}
		}
		if slices.Sort(names); len(names) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s repositories are left alone: %s (%s)", kind, strings.Join(names, ", "), whyLeft[kind]))
		}
	}
	return warnings
}

var whyLeft = map[string]string{
	"group": "their content belongs to their members",
	"proxy": "their content is a cache, which the cleanup policies of Nexus empty",
}

// Repositories signs in, then lists one Nexus repository after the other to
// the end and names the images found in it. It begins a new pass: what earlier
// listings told is forgotten.
func (r *Registry) Repositories(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		repos, err := r.signIn(ctx)
		if err != nil {
			yield("", err)
			return
		}
		hosted := slices.DeleteFunc(values(repos), func(repo *repository) bool { return !repo.hosted() })
		if len(hosted) == 0 {
			yield("", r.noneHosted(len(repos)))
			return
		}
		for _, repo := range hosted {
			names, err := r.begin(ctx, repo)
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range names {
				if !yield(name, nil) {
					return
				}
			}
		}
	}
}

func (r *Registry) noneHosted(visible int) error {
	return r.client.fail(call{op: "list repositories"}, registry.ErrDenied,
		"Grant this user nx-repository-view-docker-*-browse, or name the right server",
		fmt.Errorf("%d repositories are visible, but no hosted Docker or OCI repository among them", visible))
}

// begin lists a repository for a pass and returns its images.
func (r *Registry) begin(ctx context.Context, repo *repository) ([]string, error) {
	if err := repo.enter(ctx); err != nil {
		return nil, err
	}
	defer repo.leave()
	l, err := r.client.list(ctx, repo)
	if err != nil {
		return nil, err
	}
	l.scan = true
	repo.current = l
	names := make([]string, 0, len(l.images))
	for image := range l.images {
		names = append(names, repo.Name+"/"+image)
	}
	slices.Sort(names)
	return names, nil
}

func values(repos map[string]*repository) []*repository {
	all := make([]*repository, 0, len(repos))
	for _, repo := range repos {
		all = append(all, repo)
	}
	slices.SortFunc(all, func(a, b *repository) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func (repo *repository) enter(ctx context.Context) error {
	select {
	case repo.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (repo *repository) leave() { <-repo.gate }

// open finds the Nexus repository and the image that a name means, and refuses
// what is not a hosted repository of images.
func (r *Registry) open(ctx context.Context, op, name string) (*repository, string, error) {
	r.mu.Lock()
	repos := r.repos
	r.mu.Unlock()
	if repos == nil {
		var err error
		if repos, err = r.signIn(ctx); err != nil {
			return nil, "", err
		}
	}
	call := call{op: op, repository: name}
	first, image, _ := strings.Cut(name, "/")
	repo := repos[first]
	switch {
	case repo == nil:
		return nil, "", r.client.fail(call, registry.ErrNotFound, "", fmt.Errorf(
			"no repository %q is visible; on Nexus a name is <Nexus repository>/<image>, and the user needs %s", first, repositoryXO{Name: first, Format: "docker"}.privilege("browse")))
	case !repo.container():
		return nil, "", r.client.fail(call, registry.ErrUnsupported, "", fmt.Errorf("%q is a %s repository, not one of images", first, repo.Format))
	case repo.Type == "group":
		return nil, "", r.client.fail(call, registry.ErrUnsupported, "Name its members instead"+r.members(ctx, repo), fmt.Errorf("%q is a group: its content belongs to other repositories", first))
	case repo.Type != "hosted":
		return nil, "", r.client.fail(call, registry.ErrUnsupported, "Use a cleanup policy of Nexus for it", fmt.Errorf("%q is a %s repository: its content is a cache", first, repo.Type))
	case image == "":
		return nil, "", r.client.fail(call, registry.ErrNotFound, "", fmt.Errorf("%q is a Nexus repository; name an image in it: %s/<image>", first, first))
	}
	return repo, image, nil
}

// members lists the members of a group for a message, where the user may read
// its settings.
func (r *Registry) members(ctx context.Context, repo *repository) string {
	var settings struct {
		Group struct {
			MemberNames []string `json:"memberNames"`
		} `json:"group"`
	}
	call := call{op: "read group", path: restPath + "/repositories/" + repo.Format + "/group/" + repo.Name, method: http.MethodGet, once: true}
	if r.client.get(ctx, call, &settings) != nil || len(settings.Group.MemberNames) == 0 {
		return ""
	}
	return ": " + strings.Join(settings.Group.MemberNames, ", ")
}
